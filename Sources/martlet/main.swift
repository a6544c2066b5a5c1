// The command line: reads a command, runs it, and ends with its exit status.
//
// Everything is in the catalogue; this is the one call that starts it.

internal import Glibc

exit(CommandRunner.run(Array(CommandLine.arguments.dropFirst())))
