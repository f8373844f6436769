--- Who takes part: tandem's kinds of pool, one line each, and CPython's.

local tandem = require "tandem"

local kinds = {}

--- Tandem's, which have targets.
kinds.pools = {
  { name = "thread", title = "threads", aim = "thr aim",
    new = tandem.thread_pool },
  { name = "process", title = "processes", aim = "proc aim",
    new = tandem.process_pool },
}

--- CPython's; `python` is their name in counterpart.py.
kinds.rivals = {
  { name = "python thread", title = "PyThr", python = "thread" },
  { name = "python executor", title = "PyProc", python = "executor" },
  { name = "python pool", title = "PyPool", python = "pool" },
}

kinds.legend = "PyThr, PyProc, PyPool: CPython's ThreadPoolExecutor, "
  .. "ProcessPoolExecutor, multiprocessing.Pool (fork)."

--- Those of `list` whose names are given; all where `names` is nil.
function kinds.chosen(list, names)
  if not names then return list end
  local wanted, chosen = {}, {}
  for _, name in ipairs(names) do wanted[name] = true end
  for _, kind in ipairs(list) do
    if wanted[kind.name] then chosen[#chosen + 1] = kind end
  end
  return chosen
end

function kinds.named(name)
  return kinds.chosen(kinds.pools, { name })[1]
    or error("no such kind of pool: " .. name)
end

--- Starts every worker: a pool starts them as tasks come and find none idle.
local function start_workers(pool, count)
  for _ = 1, 20 do
    local naps = {}
    for i = 1, count do
      naps[i] = pool:submit("tandem:sleep", 0.002 + count * 1e-4)
    end
    tandem.wait(naps)
    if pool:stats().workers >= count then return end
  end
  error(("%d of %d workers started"):format(pool:stats().workers, count))
end

--- A new pool with all of its workers started.
function kinds.open(kind, options)
  local pool = kind.new(options)
  start_workers(pool, pool:stats().max_workers)
  return pool
end

return kinds
