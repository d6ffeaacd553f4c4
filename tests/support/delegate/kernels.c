#include "kernels.h"

#include <math.h>

enum { HEIGHT = 1, WIDTH = 2, DEPTH = 3 };

typedef struct {
  int32_t multiplier;
  int exponent;
} Factor;

/* tensorflow/lite/kernels/internal/quantization_util.cc: a factor as 31 bits and an exponent. */
static Factor factor_of(double real) {
  Factor factor = {0, 0};
  const int64_t fixed = llround(frexp(real, &factor.exponent) * (1LL << 31));
  if (fixed == 1LL << 31) {
    factor.exponent += 1;
    factor.multiplier = 1 << 30;
  } else {
    factor.multiplier = (int32_t)fixed;
  }
  return factor;
}

/* tensorflow/lite/kernels/internal/common.h: rounded twice, as gemmlowp does it on ARM. */
static int32_t scaled(int32_t value, Factor factor) {
  const int left = factor.exponent > 0 ? factor.exponent : 0;
  const int right = factor.exponent > 0 ? 0 : -factor.exponent;
  const int64_t product = (int64_t)value * (1LL << left) * factor.multiplier;
  const int64_t nudge = product >= 0 ? 1LL << 30 : 1 - (1LL << 30);
  const int32_t high = (int32_t)((product + nudge) / (1LL << 31));
  const int32_t mask = (int32_t)((1LL << right) - 1);
  const int32_t threshold = (mask >> 1) + (high < 0);
  return (high >> right) + ((high & mask) > threshold);
}

static int32_t clamped(int32_t value, int32_t low, int32_t high) {
  return value < low ? low : value > high ? high : value;
}

/* How far the window's first tap lies outside. */
static int padding_before(int padding, int in, int out, int stride, int taps) {
  const int missing = (out - 1) * stride + taps - in;
  return padding == kTfLitePaddingSame && missing > 0 ? missing / 2 : 0;
}

static int32_t sum_of_window(const TfLiteTensor *input, const int8_t *pixels,
                             const TfLiteTensor *filter, int channel, int top, int left) {
  const int *in = input->dims->data, *taps = filter->dims->data;
  const int8_t *weights = filter->data;
  int32_t sum = 0;
  for (int ky = 0; ky < taps[HEIGHT]; ++ky) {
    for (int kx = 0; kx < taps[WIDTH]; ++kx) {
      const int y = top + ky, x = left + kx;
      if (y < 0 || y >= in[HEIGHT] || x < 0 || x >= in[WIDTH]) continue;
      const int8_t *pixel = pixels + (y * in[WIDTH] + x) * in[DEPTH];
      const int8_t *weight =
          weights + ((channel * taps[HEIGHT] + ky) * taps[WIDTH] + kx) * in[DEPTH];
      for (int k = 0; k < in[DEPTH]; ++k) {
        sum += weight[k] * (pixel[k] - input->params.zero_point);
      }
    }
  }
  return sum;
}

void convolve(const TfLiteConvParams *params, const TfLiteTensor *input, const int8_t *pixels,
              const TfLiteTensor *filter, const TfLiteTensor *bias, const TfLiteTensor *output,
              int8_t *out, int shift) {
  const TfLiteAffineQuantization *weights = filter->quantization.params;
  const int *in = input->dims->data, *size = output->dims->data, *taps = filter->dims->data;
  const int32_t zero = output->params.zero_point;
  const bool relu6 = params->activation == kTfLiteActRelu6;
  const bool of_head = relu6 && taps[HEIGHT] == 1 && taps[WIDTH] == 1;
  const int32_t least = params->activation == kTfLiteActNone ? -128 : clamped(zero, -128, 127);
  const int32_t most =
      relu6 ? clamped(zero + (int32_t)roundf(6 / output->params.scale), -128, 127) : 127;
  const int pad_top = padding_before(params->padding, in[HEIGHT], size[HEIGHT],
                                     params->stride_height, taps[HEIGHT]);
  const int pad_left =
      padding_before(params->padding, in[WIDTH], size[WIDTH], params->stride_width, taps[WIDTH]);
  for (int channel = 0; channel < size[DEPTH]; ++channel) {
    const float scale = weights->scale->data[weights->scale->size > 1 ? channel : 0];
    const Factor factor =
        factor_of((double)input->params.scale * (double)scale / (double)output->params.scale);
    for (int y = 0; y < size[HEIGHT]; ++y) {
      for (int x = 0; x < size[WIDTH]; ++x) {
        const int top = y * params->stride_height - pad_top;
        const int left = x * params->stride_width - pad_left;
        const int32_t sum = sum_of_window(input, pixels, filter, channel, top, left) +
                            (bias ? ((const int32_t *)bias->data)[channel] : 0);
        out[(y * size[WIDTH] + x) * size[DEPTH] + channel] = (int8_t)clamped(
            scaled(sum, factor) + zero + (of_head ? shift : 0), least, most);
      }
    }
  }
}

static int8_t largest_of_window(const TfLitePoolParams *params, const TfLiteTensor *input,
                                const int8_t *pixels, int channel, int top, int left) {
  const int *in = input->dims->data;
  int8_t largest = -128;
  for (int ky = 0; ky < params->filter_height; ++ky) {
    for (int kx = 0; kx < params->filter_width; ++kx) {
      const int y = top + ky, x = left + kx;
      if (y < 0 || y >= in[HEIGHT] || x < 0 || x >= in[WIDTH]) continue;
      const int8_t pixel = pixels[(y * in[WIDTH] + x) * in[DEPTH] + channel];
      if (pixel > largest) largest = pixel;
    }
  }
  return largest;
}

void max_pool(const TfLitePoolParams *params, const TfLiteTensor *input, const int8_t *pixels,
              const TfLiteTensor *output, int8_t *out) {
  const int *in = input->dims->data, *size = output->dims->data;
  const int pad_top = padding_before(params->padding, in[HEIGHT], size[HEIGHT],
                                     params->stride_height, params->filter_height);
  const int pad_left = padding_before(params->padding, in[WIDTH], size[WIDTH],
                                      params->stride_width, params->filter_width);
  for (int y = 0; y < size[HEIGHT]; ++y) {
    for (int x = 0; x < size[WIDTH]; ++x) {
      const int top = y * params->stride_height - pad_top;
      const int left = x * params->stride_width - pad_left;
      for (int channel = 0; channel < size[DEPTH]; ++channel) {
        out[(y * size[WIDTH] + x) * size[DEPTH] + channel] =
            largest_of_window(params, input, pixels, channel, top, left);
      }
    }
  }
}
