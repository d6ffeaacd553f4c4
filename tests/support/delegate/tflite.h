/* What an external delegate needs of TensorFlow Lite's C interface.
 *
 * Declared here, since no interpreter package ships its headers. The order of fields is that of
 * tensorflow/lite/core/c/common.h and builtin_op_data.h, where fields are only ever added at the
 * end; it holds for tflite_runtime 2.14 and for ai-edge-litert 2. (TfLiteFloatArray is another one
 * in TensorFlow's newest sources.) What is not used is `void *`. */

#ifndef TESTS_DELEGATE_TFLITE_H
#define TESTS_DELEGATE_TFLITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { kTfLiteOk = 0, kTfLiteError = 1, kTfLiteDelegateError = 2 } TfLiteStatus;
typedef enum { kTfLiteInt8 = 9 } TfLiteType;
typedef enum { kTfLiteActNone = 0, kTfLiteActRelu = 1, kTfLiteActRelu6 = 3 } TfLiteFusedActivation;
enum { kTfLitePaddingSame = 1, kTfLiteDelegateFlagsAllowDynamicTensors = 1 };
enum {
  kTfLiteBuiltinConv2d = 3,
  kTfLiteBuiltinMaxPool2d = 17,
  kTfLiteBuiltinCustom = 32,
  kTfLiteBuiltinDelegate = 51,
};

typedef struct TfLiteContext TfLiteContext;
typedef struct TfLiteDelegate TfLiteDelegate;

typedef struct {
  int size;
  int data[];
} TfLiteIntArray;

typedef struct {
  int size;
  float data[];
} TfLiteFloatArray;

typedef struct {
  TfLiteFloatArray *scale;
  TfLiteIntArray *zero_point;
  int32_t quantized_dimension;
} TfLiteAffineQuantization;

typedef struct {
  TfLiteType type;
  void *data;
  TfLiteIntArray *dims;
  struct {
    float scale;
    int32_t zero_point;
  } params;
  int allocation_type;
  size_t bytes;
  const void *allocation;
  const char *name;
  TfLiteDelegate *delegate;
  int buffer_handle;
  bool data_is_stale;
  bool is_variable;
  struct {
    int type;
    void *params;
  } quantization;
  void *sparsity;
  const TfLiteIntArray *dims_signature;
} TfLiteTensor;

typedef struct {
  TfLiteIntArray *inputs;
  TfLiteIntArray *outputs;
  TfLiteIntArray *intermediates;
  TfLiteIntArray *temporaries;
  void *user_data;
  void *builtin_data;
  const void *custom_initial_data;
  int custom_initial_data_size;
  TfLiteDelegate *delegate;
  bool might_have_side_effect;
} TfLiteNode;

/* Passed by value: at least as long as in any version, the rest being 0. */
typedef struct {
  void *(*init)(TfLiteContext *, const char *buffer, size_t length);
  void (*free)(TfLiteContext *, void *buffer);
  TfLiteStatus (*prepare)(TfLiteContext *, TfLiteNode *);
  TfLiteStatus (*invoke)(TfLiteContext *, TfLiteNode *);
  const char *(*profiling_string)(const TfLiteContext *, const TfLiteNode *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *registration_external;
  void *async_kernel;
  uint64_t inplace_operator;
} TfLiteRegistration;

typedef struct {
  TfLiteDelegate *delegate;
  TfLiteIntArray *nodes_to_replace;
  TfLiteIntArray *input_tensors;
  TfLiteIntArray *output_tensors;
} TfLiteDelegateParams;

/* Its first fields; there are more. */
struct TfLiteContext {
  size_t tensors_size;
  TfLiteStatus (*GetExecutionPlan)(TfLiteContext *, TfLiteIntArray **execution_plan);
  TfLiteTensor *tensors;
  void *impl_;
  void *ResizeTensor;
  void (*ReportError)(TfLiteContext *, const char *message, ...);
  void *AddTensors;
  TfLiteStatus (*GetNodeAndRegistration)(TfLiteContext *, int node_index, TfLiteNode **,
                                         TfLiteRegistration **);
  TfLiteStatus (*ReplaceNodeSubsetsWithDelegateKernels)(TfLiteContext *, TfLiteRegistration,
                                                        const TfLiteIntArray *nodes_to_replace,
                                                        TfLiteDelegate *);
};

struct TfLiteDelegate {
  void *data_;
  TfLiteStatus (*Prepare)(TfLiteContext *, TfLiteDelegate *);
  void *CopyFromBufferHandle;
  void *CopyToBufferHandle;
  void *FreeBufferHandle;
  int64_t flags;
  void *opaque_delegate_builder;
};

typedef struct {
  int padding;
  int stride_width;
  int stride_height;
  TfLiteFusedActivation activation;
  int dilation_width_factor;
  int dilation_height_factor;
} TfLiteConvParams;

/* Its first fields; there are more. */
typedef struct {
  int padding;
  int stride_width;
  int stride_height;
  int filter_width;
  int filter_height;
} TfLitePoolParams;

#endif
