/* Augmentation: training rows changed while they are read, as a function of (seed, row, epoch) alone (docs/formats/config.md). */
#ifndef GLIA_AUGMENT_H
#define GLIA_AUGMENT_H

#include "glia_source.h"
#include "glia_yaml.h"

/** Put the run's data.augment between a source and who reads it.
 *
 *  data      the data: node of the run's YAML; without augment: the source stays as it is
 *  training  false: only what makes no draw (normalise), for evaluation
 *  source    taken and replaced; *source is as it was on failure
 *
 *  Rows are the same for any number of ranks and threads, and differ from epoch to epoch.
 *  Errors: GLIA_E_CONFIG (unknown kinds, settings, or rows that are no pictures), GLIA_E_MEMORY.
 */
GLIA_API GLIA_NODISCARD glia_status glia_augment_source(const struct glia_yaml *data, uint64_t seed,
                                                        bool training, struct glia_source **source);

#endif
