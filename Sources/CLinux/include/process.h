// Starting a program: what happens between fork(2) and execve(2), where only async-signal-safe
// calls are allowed, and so no Swift.
#pragma once
#include <sys/types.h>

struct clinux_launch {
  const char *path;                 // the program's file
  char *const *arguments;           // ends with NULL
  char *const *environment;         // ends with NULL; NULL inherits
  const char *directory;            // NULL inherits
  const int *descriptors;           // become 0, 1, 2, ... of the program
  int descriptor_count;             // all others are closed
  int network_namespace;            // -1 stays
  int new_session;
  int die_with_parent;
};

// Where a launch failed; names the step in the message that a person reads.
enum clinux_launch_step {
  CLINUX_STEP_FORK,
  CLINUX_STEP_SESSION,
  CLINUX_STEP_NAMESPACE,
  CLINUX_STEP_MOUNT,
  CLINUX_STEP_DIRECTORY,
  CLINUX_STEP_DESCRIPTORS,
  CLINUX_STEP_EXECUTE,
};

// Starts the program and returns its process number once execve(2) has succeeded. On failure
// returns -1 with errno and the step; no child remains.
pid_t clinux_launch_process(const struct clinux_launch *launch, int *failed_step);

// Waits for a child through its pidfd. Returns 1 and fills what waitid(2) says, or 0 when it still
// runs and `block` is 0.
int clinux_wait_process(int pidfd, int block, int *was_signal, int *status);
