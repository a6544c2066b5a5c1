// From words to an exit status: parses, runs, and tells what went wrong.

internal import Base
internal import Model

enum CommandRunner {
  /// Runs one command line; returns the exit status of the program.
  static func run(_ words: [String]) -> Int32 {
    do {
      switch try CommandParser(catalogue: .all).parse(words) {
      case .help(let text):
        try Console.write(text)
        return ExitStatus.done.code
      case .run(let invocation):
        return try invocation.command.run(invocation).code
      }
    } catch let error as UsageError {
      Console.tell(error.failure)
      return ExitStatus.wrongUsage.code
    } catch let error as Failure {
      Console.tell(error)
    } catch let error as ConfigErrors {
      Console.note("\(error)")
    } catch {
      Console.tell(
        Failure("cannot do it", why: "\(error)", remedy: "report this with the command you ran"))
    }
    return ExitStatus.failed.code
  }
}
