/* two_states.c -- a server with a Lua state in each of its threads.
 *
 *     two_states own|shared
 *
 * Both have a pool of threads and one of processes, each its own or one for
 * both, with tasks under way, and end in any order: while the other one works,
 * or both at once.
 */
#include <pthread.h>
#include <string.h>

#include "host.h"

enum { ROUNDS = 6, PARTIES = 2 };

static int is_shared;

typedef struct party {
  int leaves_first;
  pthread_barrier_t *busy; /* both have tasks under way */
  pthread_barrier_t *left; /* the first has closed its state */
} party;

static const char own[] =
    "pools = { tandem.thread_pool(2), tandem.process_pool(2) }\n";

static const char shared[] =
    "local options = { shared = true, linger = 0, max_workers = 2 }\n"
    "pools = { tandem.thread_pool(options), tandem.process_pool(options) }\n";

static const char begin[] =
    "futures = {}\n"
    "for _, pool in ipairs(pools) do\n"
    "  works(pool)\n"
    "  for i = 1, 4 do\n"
    "    local f = pool:submit('fixtures.inside:sleep', 0.01 * i)\n"
    "    f:on_done(function() done = (done or 0) + 1 end)\n"
    "    futures[#futures + 1] = f\n"
    "  end\n"
    "end\n";

static const char go_on[] =
    "for _, pool in ipairs(pools) do works(pool) end\n"
    "for _, f in ipairs(futures) do f:result(100) end\n"
    "tandem.poll()\n"
    "assert(done == #futures)\n"
    "for _, pool in ipairs(pools) do\n"
    "  for i = 1, 50 do pool:submit('fixtures.basic:echo', i) end\n"
    "end\n";

static void *be_party(void *arg) {
  const party *p = arg;
  lua_State *L = host_open();
  host_do(L, is_shared ? shared : own);
  host_do(L, begin);
  pthread_barrier_wait(p->busy);
  if (p->leaves_first) {
    lua_close(L);
    pthread_barrier_wait(p->left);
    return NULL;
  }
  host_do(L, go_on); /* while the other one closes, and after it has */
  pthread_barrier_wait(p->left);
  host_do(L, "for _, pool in ipairs(pools) do works(pool) end");
  lua_close(L);
  return NULL;
}

/* One of the two leaves first, or both at once. */
static void run_round(int round) {
  pthread_barrier_t busy, left;
  pthread_t threads[PARTIES];
  party parties[PARTIES];
  pthread_barrier_init(&busy, NULL, PARTIES);
  pthread_barrier_init(&left, NULL, PARTIES);
  for (int i = 0; i < PARTIES; i++) {
    int leaves = round % 3 == 2 || round % 3 == i;
    parties[i] = (party){leaves, &busy, &left};
    CHECK(pthread_create(&threads[i], NULL, be_party, &parties[i]) == 0);
  }
  for (int i = 0; i < PARTIES; i++) pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&busy);
  pthread_barrier_destroy(&left);
}

int main(int argc, char **argv) {
  host_bound(60);
  CHECK(argc == 2);
  is_shared = strcmp(argv[1], "shared") == 0;
  host_counts before = host_now();
  run_round(0); /* what is made once a process, at first use, is no leak */
  before.fds = host_now().fds;
  for (int round = 1; round <= ROUNDS; round++) {
    run_round(round);
    host_check_back(before);
  }
  return host_fine();
}
