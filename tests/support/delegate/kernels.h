/* Two operators in INT8, computed as TensorFlow Lite's reference kernels compute them. */

#ifndef TESTS_DELEGATE_KERNELS_H
#define TESTS_DELEGATE_KERNELS_H

#include "tflite.h"

/* A convolution. `shift` is added to each result of a 1x1 convolution with ReLU6 before its
 * activation: the head's spans are such convolutions, of 255 codes a span, so that 1 is wrong by
 * one step of depth and 510 by two spans, and both output tensors still agree. */
void convolve(const TfLiteConvParams *, const TfLiteTensor *input, const int8_t *pixels,
              const TfLiteTensor *filter, const TfLiteTensor *bias, const TfLiteTensor *output,
              int8_t *out, int shift);

/* A maximum pool without an activation, whose output has the input's scale. */
void max_pool(const TfLitePoolParams *, const TfLiteTensor *input, const int8_t *pixels,
              const TfLiteTensor *output, int8_t *out);

#endif
