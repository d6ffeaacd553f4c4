/* What the delegate does wrong, and when. */

#ifndef TESTS_DELEGATE_FAULTS_H
#define TESTS_DELEGATE_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum { AT_CREATION, AT_PREPARE, AT_INVOKE } Moment;

/* What follows a fault: none, or the call fails, with a reason or without, or its results are random. */
typedef enum { NOTHING, REFUSAL, SILENT_REFUSAL, GARBAGE } Outcome;

typedef struct Fault Fault;

/* By name, as FAULTS lists them; NULL for a name that is none. */
const Fault *find_fault(const char *name);

/* Do what the fault does at this moment; it may not return. */
Outcome meet(const Fault *fault, Moment moment);

#endif
