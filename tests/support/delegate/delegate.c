/* An external delegate for the tests: it takes real operators and computes them, or fails to.
 *
 * Options (all of them text):
 *   take      which operators it takes: "CONV_2D" (default), "MAX_POOL_2D", or both by a comma; or
 *             "ethos-u", which it takes and does not compute: that would need the NPU
 *   fault     what it does wrong: a name in faults.c
 *   at        at which of its kernels' calls a fault of an invoke begins: 1 (default) is the first
 *   shift     by how many steps each depth is wrong (kernels.h)
 *   delay_ms  how long each call takes longer */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"
#include "kernels.h"

typedef struct {
  TfLiteDelegate interface; /* first: it is what TensorFlow Lite gives back */
  const char *take;
  const Fault *fault;
  int at, shift, delay_ms;
  int calls;
} Delegate;

typedef struct {
  int32_t code;
  int input, filter, bias, output;
  const void *params;
} Step;

/* A run of operators that were replaced, and the tensors between them, which nobody else needs. */
typedef struct {
  Delegate *delegate;
  int count;
  Step *steps;
  size_t tensors;
  void **between;
} Kernel;

static bool takes(const Delegate *delegate, const TfLiteContext *context, const TfLiteNode *node,
                  const TfLiteRegistration *registration) {
  const TfLiteType in = context->tensors[node->inputs->data[0]].type;
  const TfLiteType out = context->tensors[node->outputs->data[0]].type;
  switch (registration->builtin_code) {
    case kTfLiteBuiltinConv2d:
      return strstr(delegate->take, "CONV_2D") && in == kTfLiteInt8 && out == kTfLiteInt8;
    case kTfLiteBuiltinMaxPool2d:
      return strstr(delegate->take, "MAX_POOL_2D") && in == kTfLiteInt8 && out == kTfLiteInt8;
    case kTfLiteBuiltinCustom:
      return strcmp(delegate->take, registration->custom_name) == 0;
    default:
      return false;
  }
}

static Step step_of(const TfLiteNode *node, int32_t code) {
  const int *inputs = node->inputs->data;
  Step step = {.code = code, .input = inputs[0], .output = node->outputs->data[0]};
  step.params = node->builtin_data;
  if (code == kTfLiteBuiltinConv2d) {
    step.filter = inputs[1];
    step.bias = node->inputs->size > 2 ? inputs[2] : -1;
  }
  return step;
}

static bool contains(const TfLiteIntArray *array, int value) {
  for (int k = 0; k < array->size; ++k) {
    if (array->data[k] == value) return true;
  }
  return false;
}

static void *kernel_init(TfLiteContext *context, const char *buffer, size_t length) {
  (void)length;
  const TfLiteDelegateParams *params = (const TfLiteDelegateParams *)buffer;
  Kernel *kernel = calloc(1, sizeof *kernel);
  kernel->delegate = (Delegate *)params->delegate;
  kernel->count = params->nodes_to_replace->size;
  kernel->steps = calloc((size_t)kernel->count, sizeof *kernel->steps);
  kernel->tensors = context->tensors_size;
  kernel->between = calloc(kernel->tensors, sizeof *kernel->between);
  for (int k = 0; k < kernel->count; ++k) {
    TfLiteNode *node;
    TfLiteRegistration *registration;
    context->GetNodeAndRegistration(context, params->nodes_to_replace->data[k], &node,
                                    &registration);
    const Step step = kernel->steps[k] = step_of(node, registration->builtin_code);
    if (!contains(params->output_tensors, step.output)) {
      kernel->between[step.output] = malloc(context->tensors[step.output].bytes);
    }
  }
  return kernel;
}

static void kernel_free(TfLiteContext *context, void *buffer) {
  (void)context;
  Kernel *kernel = buffer;
  for (size_t k = 0; k < kernel->tensors; ++k) free(kernel->between[k]);
  free(kernel->between);
  free(kernel->steps);
  free(kernel);
}

static TfLiteStatus kernel_prepare(TfLiteContext *context, TfLiteNode *node) {
  (void)context;
  (void)node;
  return kTfLiteOk;
}

static void *data_of(const Kernel *kernel, const TfLiteContext *context, int index) {
  return kernel->between[index] ? kernel->between[index] : context->tensors[index].data;
}

static void compute(const Kernel *kernel, const TfLiteContext *context, const Step *step) {
  const TfLiteTensor *tensors = context->tensors, *input = tensors + step->input;
  const void *from = data_of(kernel, context, step->input);
  void *out = data_of(kernel, context, step->output);
  if (step->code == kTfLiteBuiltinConv2d) {
    const TfLiteTensor *bias = step->bias < 0 ? NULL : tensors + step->bias;
    convolve(step->params, input, from, tensors + step->filter, bias, tensors + step->output, out,
             kernel->delegate->shift);
  } else if (step->code == kTfLiteBuiltinMaxPool2d) {
    max_pool(step->params, input, from, tensors + step->output, out);
  }
}

static void scatter(const TfLiteContext *context, const TfLiteIntArray *outputs) {
  for (int k = 0; k < outputs->size; ++k) {
    const TfLiteTensor *tensor = context->tensors + outputs->data[k];
    for (size_t place = 0; place < tensor->bytes; ++place) {
      ((uint8_t *)tensor->data)[place] = (uint8_t)rand();
    }
  }
}

static TfLiteStatus kernel_invoke(TfLiteContext *context, TfLiteNode *node) {
  const Kernel *kernel = node->user_data;
  Delegate *delegate = kernel->delegate;
  usleep((useconds_t)delegate->delay_ms * 1000);
  const bool due = ++delegate->calls >= delegate->at;
  const Outcome outcome = due ? meet(delegate->fault, AT_INVOKE) : NOTHING;
  if (outcome == REFUSAL) {
    context->ReportError(context, "the test delegate fails at call %d", delegate->calls);
    return kTfLiteError;
  }
  for (int k = 0; k < kernel->count; ++k) compute(kernel, context, kernel->steps + k);
  if (outcome == GARBAGE) scatter(context, node->outputs);
  return kTfLiteOk;
}

static const TfLiteRegistration KERNEL = {
    .init = kernel_init,
    .free = kernel_free,
    .prepare = kernel_prepare,
    .invoke = kernel_invoke,
    .builtin_code = kTfLiteBuiltinDelegate,
    .custom_name = "TestDelegate",
    .version = 1,
};

static TfLiteStatus delegate_prepare(TfLiteContext *context, TfLiteDelegate *interface) {
  Delegate *delegate = (Delegate *)interface;
  const Outcome outcome = meet(delegate->fault, AT_PREPARE);
  if (outcome == REFUSAL) context->ReportError(context, "the test delegate refuses the model");
  if (outcome != NOTHING) return kTfLiteError;
  TfLiteIntArray *plan;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk) return kTfLiteError;
  TfLiteIntArray *taken = malloc(sizeof *taken + sizeof(int) * (size_t)plan->size);
  taken->size = 0;
  for (int k = 0; k < plan->size; ++k) {
    TfLiteNode *node;
    TfLiteRegistration *registration;
    context->GetNodeAndRegistration(context, plan->data[k], &node, &registration);
    if (takes(delegate, context, node, registration)) {
      taken->data[taken->size++] = plan->data[k];
    }
  }
  const TfLiteStatus status =
      context->ReplaceNodeSubsetsWithDelegateKernels(context, KERNEL, taken, interface);
  free(taken);
  return status;
}

static bool set_option(Delegate *delegate, const char *key, const char *value) {
  if (strcmp(key, "take") == 0) {
    delegate->take = strdup(value);
  } else if (strcmp(key, "fault") == 0) {
    delegate->fault = find_fault(value);
    return delegate->fault != NULL;
  } else if (strcmp(key, "at") == 0) {
    delegate->at = atoi(value);
  } else if (strcmp(key, "shift") == 0) {
    delegate->shift = atoi(value);
  } else if (strcmp(key, "delay_ms") == 0) {
    delegate->delay_ms = atoi(value);
  } else {
    return false;
  }
  return true;
}

TfLiteDelegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count,
                                              void (*report_error)(const char *)) {
  Delegate *delegate = calloc(1, sizeof *delegate);
  /* Dynamic tensors: or the interpreter would prepare a custom operator before it is taken. */
  *delegate = (Delegate){
      .interface = {.Prepare = delegate_prepare, .flags = kTfLiteDelegateFlagsAllowDynamicTensors},
      .take = "CONV_2D",
      .at = 1,
  };
  for (size_t k = 0; k < count; ++k) {
    if (!set_option(delegate, keys[k], values[k])) {
      report_error("the test delegate knows no such option, or no such value, as ");
      report_error(keys[k]);
      free(delegate);
      return NULL;
    }
  }
  if (meet(delegate->fault, AT_CREATION) != NOTHING) {
    free(delegate);
    return NULL;
  }
  return &delegate->interface;
}

void tflite_plugin_destroy_delegate(TfLiteDelegate *interface) { free(interface); }
