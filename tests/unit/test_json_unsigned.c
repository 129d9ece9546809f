/*
 * The tests of the scanner, on a machine where char has no sign (ARM, for one):
 * tests/flags.mk compiles this file with -funsigned-char.
 */
#include "../../lib/token/escape.c"
#include "../../lib/token/json.c"
#include "../../lib/token/utf8.c"

#include <limits.h>

_Static_assert(CHAR_MIN == 0, "char has no sign here");

#include "test_json.c"
