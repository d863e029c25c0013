/* Colours: a palette that colour-blind readers tell apart and maps that rise evenly in lightness.
 *
 * Source: okabe2008 (Color Universal Design, https://jfly.uni-koeln.de/color/) for the palette, without its yellow,
 * which is too faint for lines on white; viridis by S. van der Walt and N. Smith, 2015, public domain (CC0), at 16 equal
 * steps; harrower2003 (ColorBrewer), scheme RdBu with 11 classes, reversed.
 */
#include "figure_priv.h"

#include <math.h>

static const uint32_t palette[] = {0x0072b2ffu, 0xd55e00ffu, 0x009e73ffu, 0xcc79a7ffu,
                                   0xe69f00ffu, 0x56b4e9ffu, 0x6a6a6affu};

static const uint32_t viridis[] = {0x440154u, 0x481a6cu, 0x472f7du, 0x414487u, 0x39568cu, 0x31688eu,
                                   0x2a788eu, 0x23888eu, 0x1f988bu, 0x22a884u, 0x35b779u, 0x54c568u,
                                   0x7ad151u, 0xa5db36u, 0xd2e21bu, 0xfde725u};

static const uint32_t blue_red[] = {0x053061u, 0x2166acu, 0x4393c3u, 0x92c5deu,
                                    0xd1e5f0u, 0xf7f7f7u, 0xfddbc7u, 0xf4a582u,
                                    0xd6604du, 0xb2182bu, 0x67001fu};

uint32_t glia_colour_of_(int index)
{
  if (index < 1) return INK;
  return palette[(size_t)(index - 1) % GLIA_COUNT(palette)];
}

uint32_t glia_colour_fade_(uint32_t colour, double opacity)
{
  return (colour & 0xffffff00u) | (uint32_t)lround(255.0 * opacity);
}

uint32_t glia_map_colour_(glia_map map, double t)
{
  const uint32_t *table = map == GLIA_MAP_DIVERGING ? blue_red : viridis;
  const int last =
      (int)(map == GLIA_MAP_DIVERGING ? GLIA_COUNT(blue_red) : GLIA_COUNT(viridis)) - 1;

  if (isnan(t)) return 0xccccccffu;
  const double at = fmin(fmax(t, 0.0), 1.0) * last;
  const int i = at < last ? (int)at : last - 1;
  uint32_t colour = 0;
  for (int shift = 16; shift >= 0; shift -= 8) {
    const double a = table[i] >> shift & 0xff;
    const double b = table[i + 1] >> shift & 0xff;
    colour = colour << 8 | (uint32_t)lround(a + (b - a) * (at - i));
  }
  return colour << 8 | 0xffu;
}
