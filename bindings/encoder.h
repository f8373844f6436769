/* encoder.h -- what the files that encode share: encode.c makes a message,
 * encode_value.c and encode_table.c walk the values, encode_object.c deals with
 * metatables, encode_refuse.c says why not, encode_bytes.h has the cursor.
 *
 * A message is tried twice at most. The first pass is plain: it neither
 * allocates from the lua_State nor runs code, so it cannot raise, and gives up
 * with TDML_CARE at whatever needs more: a metatable, a deep table, a value to
 * refuse. The second, careful pass runs in a protected call and finishes.
 *
 * Threads: one at a time.
 */
#ifndef TDML_ENCODER_H
#define TDML_ENCODER_H

#include "codec.h"
#include "seen.h"

enum {
  TDML_CARE = 1,        /* what the plain pass returns to give up */
  TDML_ROOM_STACK = 12, /* Lua stack that any function here needs at most */
  TDML_PATH_MAX = 480,
  TDML_MESSAGE_MAX = 1024
};

struct tdml_scratch {
  tdml_seen seen;
  tdml_scratch *inner; /* for the messages that a __tandem_pack encodes */
  bool busy;           /* in a careful pass */
  char path[TDML_PATH_MAX];
  char message[TDML_MESSAGE_MAX];
};

/* The entries of the seen set have as `id` the table's number on the wire,
 * with TDML_DEFERRED added while its contents are to come, or TDML_PACKED
 * where a value stands for it, which anchor[table] holds; as `parent` the
 * entry that led to it, or TDML_ROOT + i for the i-th value. */
#define TDML_DEFERRED TDML_SEEN_MAX
#define TDML_ROOT 0x80000000u
#define TDML_PACKED UINT32_MAX
#define TDML_NONE UINT32_MAX

typedef struct tdml_encoder {
  lua_State *L;
  tdml_scratch *s;
  const tdml_encode_opts *o;
  tdm_buf *out; /* out->n stays as it was until the message is complete */
  char *p, *end;
  int first, n;
  int anchor; /* index of a table that holds what was met: tables by entry + 1,
                 packed values by object. Else one could be collected, and
                 another be taken for it. 0 in the plain pass, where nothing
                 can come in its place */
  unsigned flags, depth;
  uint32_t tables;
  int status; /* of the careful pass */
  /* Where in the values we are, for errors. */
  uint32_t in; /* the entry that is being walked, or a root */
  int key;     /* index of the key we are at, if `in` is a table */
  bool on_key; /* at the key itself, not its value */
  bool packed; /* at what a __tandem_pack returned */
} tdml_encoder;

/* Encode the value at idx; top is the top of the Lua stack. */
int tdml_put_value(tdml_encoder *e, int idx, int top);

/* The same, the value's type being known. */
int tdml_put_typed(tdml_encoder *e, int idx, int top, int type);

/* Encode the new table at idx, of entry i, whatever its metatable: now, or
 * where it lies too deep, later. */
int tdml_put_table(tdml_encoder *e, int idx, int top, uint32_t i);

/* Encode its counts and contents. */
int tdml_put_inside(tdml_encoder *e, int idx, int top, uint32_t i);

/* Append one tag. */
int tdml_put_tag(tdml_encoder *e, unsigned tag);

/* Encode the new table at idx, of entry i, that has a metatable. Careful pass
 * only, as are all below. */
int tdml_put_object(tdml_encoder *e, int idx, int top, uint32_t i);

/* Encode the value that was packed for the table at idx before. */
int tdml_put_packed(tdml_encoder *e, int idx, int top, uint32_t i);

/* Say that the value at idx, where the encoder is, cannot be sent. These
 * return TDM_ENCODE. */
int tdml_refuse(tdml_encoder *e, int idx);

/* The same, for the reason given as by lua_pushfstring. */
int tdml_refuse_because(tdml_encoder *e, const char *format, ...);

/* The same, where no place in the values is known. */
int tdml_refuse_all(tdml_encoder *e, const char *reason);

#endif
