/* codec_wire.h -- the bytes of a message.
 *
 *     message := flags value+ (BODY table)*        or nothing at all
 *     table   := TABLE1 items:u8 pairs:u8  item* (key value)*
 *              | TABLE4 items:u32 pairs:u32  item* (key value)*
 *     value   := table | ERROR table | DEFER | ERROR DEFER | REF id:u32 | ...
 *     item    := value | INTS count:u32 words | FLOATS count:u32 words
 *
 * Items are the values at 1, 2, 3 and so on, without their keys; a run of n
 * words counts as n items. No item and no value of a pair is nil.
 *
 * Every TABLE and DEFER among the values gives its table the next id, from 0.
 * A DEFER is a table that lies too deep: its contents come at the end of the
 * message, in the order of the DEFERs. So nesting in the bytes is bounded by
 * TDML_MAX_DEPTH while nesting of the values is not.
 *
 * Words are in the byte order of the machine.
 */
#ifndef TDML_CODEC_WIRE_H
#define TDML_CODEC_WIRE_H

/* The flags; the decoder keeps tables only for messages that need them. */
enum {
  TDML_HAS_REFS = 1,  /* some REF occurs */
  TDML_HAS_BODIES = 2 /* some DEFER occurs */
};

enum tdml_tag {
  TDML_NIL,
  TDML_FALSE,
  TDML_TRUE,
  TDML_NULL, /* the light userdata */
  TDML_INT1, /* 1, 2, 4, 8 bytes of a signed integer */
  TDML_INT2,
  TDML_INT4,
  TDML_INT8,
  TDML_FLOAT, /* 8 bytes */
  TDML_STR1,  /* length in 1, 4, 8 bytes, then the bytes */
  TDML_STR4,
  TDML_STR8,
  TDML_TABLE1,
  TDML_TABLE4,
  TDML_ERROR, /* the table that follows gets the metatable of errors */
  TDML_DEFER,
  TDML_BODY,
  TDML_REF,
  TDML_INTS,
  TDML_FLOATS,
  TDML_TAG_COUNT
};

/* Tags from SHORT_STR on are strings of tag - SHORT_STR bytes; those from
 * SMALL_INT on are the integers from SMALL_MIN. */
#define TDML_SHORT_STR 0x20
#define TDML_SHORT_MAX (TDML_SMALL_INT - TDML_SHORT_STR - 1)
#define TDML_SMALL_INT 0x80
#define TDML_SMALL_MIN (-16)
#define TDML_SMALL_MAX (TDML_SMALL_MIN + 0x7f)

#define TDML_MAX_DEPTH 100u

#endif
