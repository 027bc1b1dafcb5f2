// SPDX-License-Identifier: GPL-2.0-only
/* Defines the trace points that trace.h declares, once for the module. */
#define CREATE_TRACE_POINTS
#include "surface/trace.h"
