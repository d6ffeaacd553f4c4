#include "faults.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct Fault {
  const char *name;
  Moment moment;
  Outcome (*act)(void);
};

static Outcome refuse(void) { return REFUSAL; }

static Outcome print_and_refuse(void) {
  fprintf(stderr, "Couldn't open kernel device\n");
  return SILENT_REFUSAL;
}

static Outcome scatter(void) { return GARBAGE; }

static Outcome crash(void) {
  /* As by a bad pointer, also where somebody has asked to be told of it. */
  signal(SIGSEGV, SIG_DFL);
  raise(SIGSEGV);
  return NOTHING;
}

static Outcome quit(void) { _exit(3); }

static Outcome hang(void) {
  for (;;) pause();
  return NOTHING;
}

static const Fault FAULTS[] = {
    {"null", AT_CREATION, refuse},
    {"printed-null", AT_CREATION, print_and_refuse},
    {"crash-at-creation", AT_CREATION, crash},
    {"hang-at-creation", AT_CREATION, hang},
    {"error-at-prepare", AT_PREPARE, refuse},
    {"printed-at-prepare", AT_PREPARE, print_and_refuse},
    {"error", AT_INVOKE, refuse},
    {"garbage", AT_INVOKE, scatter},
    {"crash", AT_INVOKE, crash},
    {"exit", AT_INVOKE, quit},
    {"hang", AT_INVOKE, hang},
};

const Fault *find_fault(const char *name) {
  for (size_t k = 0; k < sizeof FAULTS / sizeof *FAULTS; ++k) {
    if (strcmp(name, FAULTS[k].name) == 0) return FAULTS + k;
  }
  return NULL;
}

Outcome meet(const Fault *fault, Moment moment) {
  return fault && fault->moment == moment ? fault->act() : NOTHING;
}
