/* api.h -- what core/tandem.h promises to C.
 *
 *   api.c         pools and tasks
 *   api_values.c  values that C has as well, to messages and back
 */
#ifndef TDML_API_H
#define TDML_API_H

#include <lua.h>

#include "../core/tandem.h"

extern const tandem_api tdml_api;

int tdml_api_put(tandem_bytes *b, tandem_value v);
int tdml_api_get(const tandem_bytes *b, size_t *at, tandem_value *v);
void tdml_api_free_bytes(tandem_bytes *b);

#endif
