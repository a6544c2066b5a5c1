// All that this module has is in its header; a target has at least one file to compile.
#include "cmemory.h"
