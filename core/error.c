#include "error.h"

static const struct {
  const char *kind, *text;
} errors[] = {
#define TDM_X(name, kind, text) {kind, text},
    TDM_ERRORS(TDM_X)
#undef TDM_X
};

static int index_of(int err) {
  int i = -1 - err;
  return (i >= 0 && i < TDM_ERROR_COUNT) ? i : -1;
}

const char *tdm_error_kind(int err) {
  int i = index_of(err);
  return i < 0 ? "task" : errors[i].kind;
}

const char *tdm_error_text(int err) {
  int i = index_of(err);
  return i < 0 ? "unknown error" : errors[i].text;
}
