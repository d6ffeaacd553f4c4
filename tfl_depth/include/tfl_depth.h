/*
 * From the two int8 output tensors of a tfl-depth model to millimeters, in C99 or C++.
 *
 * One file without dependencies: no library, no heap, no global state. The numbers are the model's
 * contract (docs/contract.md, `tfl-depth inspect MODEL`); `tfl-depth export c MODEL` writes them as
 * a table, which needs no floating point.
 *
 *     static tfl_depth_decoder decoder;   // 64 KiB
 *     const double edges_m[] = {0, 1, 2, 3, 4, 5};
 *     if (tfl_depth_init(&decoder, edges_m, 5) != TFL_DEPTH_OK) return 1;
 *     size_t bad = tfl_depth_decode(&decoder, integer, fractional, n, mm);
 *     if (bad > n / 100) return 1;        // the frame is garbage
 *
 * Every function gives what tfl_depth.encoding.Decoder gives, bit by bit; the tests compare all
 * 65,536 pairs of codes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TFL_DEPTH_H
#define TFL_DEPTH_H

#include <stddef.h>
#include <stdint.h>

/* The type of a millimeter value. For a range past 65.535 m: #define TFL_DEPTH_MM uint32_t. */
#ifndef TFL_DEPTH_MM
#define TFL_DEPTH_MM uint16_t
#endif

#define TFL_DEPTH_CODES 255     /* steps of a byte */
#define TFL_DEPTH_MAX_SPANS 127 /* so that a span has at least two integer codes */

typedef enum {
    TFL_DEPTH_OK = 0,
    TFL_DEPTH_BAD_SPANS,   /* the number of spans is not 1 to 127 */
    TFL_DEPTH_BAD_SAMPLES, /* a curve's number of samples is not 2 to 256 */
    TFL_DEPTH_BAD_METERS,  /* edges or samples do not ascend from 0 or more, or curves have a gap */
    TFL_DEPTH_TOO_FAR      /* the last edge in millimeters does not fit TFL_DEPTH_MM */
} tfl_depth_status;

/* A decoder. After a failed initialization it has 0 spans: every pixel is then inconsistent. */
typedef struct {
    unsigned spans;
    TFL_DEPTH_MM levels_mm[TFL_DEPTH_MAX_SPANS * (TFL_DEPTH_CODES + 1)]; /* [span][place] */
} tfl_depth_decoder;

/*
 * Decodes n pixels by a table, as `tfl-depth export c` writes it.
 *
 *   levels_mm   millimeters at each place, 0 to 255, of each span: spans x 256 values
 *   spans       number of spans, N
 *   integer     the output tensor `integer`, int8
 *   fractional  the output tensor `fractional`, int8
 *   mm          receives n millimeter values; 0 = no depth
 *
 * Returns the number of pixels whose two codes contradict each other; these have no depth. Of
 * garbage nearly every pixel does: refuse a frame where it is above n / 100.
 */
static inline size_t tfl_depth_decode_levels(const TFL_DEPTH_MM *levels_mm, unsigned spans,
                                             const int8_t *integer, const int8_t *fractional,
                                             size_t n, TFL_DEPTH_MM *mm)
{
    const int32_t codes = TFL_DEPTH_CODES;
    const int32_t m = spans ? codes / (int32_t)spans : 1; /* codes of a span */
    const int32_t last = m * (int32_t)spans;              /* code of the range's end */
    size_t inconsistent = 0;

    for (size_t k = 0; k < n; ++k) {
        const int32_t count = integer[k] + 128, fraction = fractional[k] + 128;
        const int32_t span = count / m;
        const int32_t place = span % 2 ? codes - fraction : fraction;
        /* 510 times the difference from the code that this place gives: whole numbers. */
        const int32_t off = 2 * codes * (count - m * span) - 2 * m * place - m + codes;
        if (spans == 0 || count > last || off > 2 * codes || off < -2 * codes) {
            mm[k] = 0;
            ++inconsistent;
        } else if (count == last) {
            mm[k] = levels_mm[spans * (TFL_DEPTH_CODES + 1) - 1];
        } else {
            mm[k] = levels_mm[span * (codes + 1) + place];
        }
    }
    return inconsistent;
}

/* Decodes n pixels; see `tfl_depth_decode_levels`. */
static inline size_t tfl_depth_decode(const tfl_depth_decoder *decoder, const int8_t *integer,
                                      const int8_t *fractional, size_t n, TFL_DEPTH_MM *mm)
{
    return tfl_depth_decode_levels(decoder->levels_mm, decoder->spans, integer, fractional, n, mm);
}

/* Rounds millimeters from 0 to 2^32 - 1 to the nearest, a half to even; no C library is needed. */
static inline uint32_t tfl_depth_round(double mm)
{
    const uint32_t whole = (uint32_t)mm;
    const double rest = mm - whole;
    return whole + (rest > 0.5 || (rest == 0.5 && whole % 2 == 1));
}

/* Writes the millimeters at the 256 places of one span, linear between its samples. */
static inline void tfl_depth_fill_span(TFL_DEPTH_MM *levels_mm, const double *samples_m,
                                       size_t samples)
{
    const size_t intervals = samples - 1;
    for (size_t place = 0; place <= TFL_DEPTH_CODES; ++place) {
        size_t before = place * intervals / TFL_DEPTH_CODES;
        if (before == intervals) --before;
        const size_t rest = place * intervals - TFL_DEPTH_CODES * before;
        const double near_m = samples_m[before], far_m = samples_m[before + 1];
        /* volatile: the product is rounded by itself, as in Python, not fused with the sum. */
        const volatile double part = (far_m - near_m) * (double)rest;
        const volatile double step_m = part / TFL_DEPTH_CODES;
        const volatile double depth_m = near_m + step_m;
        const volatile double depth_mm = 1000 * depth_m;
        levels_mm[place] = (TFL_DEPTH_MM)tfl_depth_round(depth_mm);
    }
}

/* Whether samples ascend from 0 or more; a NaN does not. */
static inline int tfl_depth_ascends(const double *samples_m, size_t samples)
{
    if (!(samples_m[0] >= 0)) return 0;
    for (size_t k = 1; k < samples; ++k) {
        if (!(samples_m[k - 1] < samples_m[k])) return 0;
    }
    return 1;
}

/* Whether a depth in meters, in millimeters, fits TFL_DEPTH_MM; infinity does not. */
static inline int tfl_depth_fits(double depth_m)
{
    const double mm = 1000 * depth_m;
    return mm <= 4294967295.0 && tfl_depth_round(mm) <= (TFL_DEPTH_MM)-1;
}

/*
 * Prepares a decoder for straight spans.
 *
 *   edges_m  the contract's `decoding.edges_m`: spans + 1 borders in meters, ascending
 *   spans    number of spans, N, 1 to 127
 */
static inline tfl_depth_status tfl_depth_init(tfl_depth_decoder *decoder, const double *edges_m,
                                              size_t spans)
{
    decoder->spans = 0;
    if (spans < 1 || spans > TFL_DEPTH_MAX_SPANS) return TFL_DEPTH_BAD_SPANS;
    if (!tfl_depth_ascends(edges_m, spans + 1)) return TFL_DEPTH_BAD_METERS;
    if (!tfl_depth_fits(edges_m[spans])) return TFL_DEPTH_TOO_FAR;
    for (size_t span = 0; span < spans; ++span) {
        tfl_depth_fill_span(decoder->levels_mm + span * (TFL_DEPTH_CODES + 1), edges_m + span, 2);
    }
    decoder->spans = (unsigned)spans;
    return TFL_DEPTH_OK;
}

/*
 * Prepares a decoder for curved spans.
 *
 *   curves_m  the contract's `decoding.curves_m`: the samples of all spans in meters, one span
 *             behind the other; the first sample of a span is the last one of the span before
 *   samples   number of samples of each span, 2 to 256
 *   spans     number of spans, N, 1 to 127
 */
static inline tfl_depth_status tfl_depth_init_curve(tfl_depth_decoder *decoder,
                                                    const double *curves_m, const size_t *samples,
                                                    size_t spans)
{
    const double *curve_m = curves_m;
    decoder->spans = 0;
    if (spans < 1 || spans > TFL_DEPTH_MAX_SPANS) return TFL_DEPTH_BAD_SPANS;
    for (size_t span = 0; span < spans; ++span) {
        if (samples[span] < 2 || samples[span] > TFL_DEPTH_CODES + 1) return TFL_DEPTH_BAD_SAMPLES;
        if (!tfl_depth_ascends(curve_m, samples[span])) return TFL_DEPTH_BAD_METERS;
        if (span > 0 && curve_m[0] != curve_m[-1]) return TFL_DEPTH_BAD_METERS;
        if (!tfl_depth_fits(curve_m[samples[span] - 1])) return TFL_DEPTH_TOO_FAR;
        tfl_depth_fill_span(decoder->levels_mm + span * (TFL_DEPTH_CODES + 1), curve_m,
                            samples[span]);
        curve_m += samples[span];
    }
    decoder->spans = (unsigned)spans;
    return TFL_DEPTH_OK;
}

#endif /* TFL_DEPTH_H */
