--- Runs a number of tasks, and writes down when each was where.
--
-- The figures are taken from the futures when all is over, so that looking
-- costs the run itself nothing.
--
-- @module tandem_cli.lab.record
local core = require "tandem.core"
local tandem = require "tandem"

local failure = require "tandem_cli.failure"
local live = require "tandem_cli.live"
local pools = require "tandem_cli.pools"
local sample = require "tandem_cli.lab.sample"

local M = {}

-- Items that are submitted, or found to be done, between two looks at the
-- clock.
local STRIDE = 256

-- Seconds that running tasks get to end after a Ctrl-C.
local PATIENCE = 2

local FIELDS = { "queued", "began", "ended", "cpu", "worker", "bytes_in",
                 "bytes_out" }

-- The same arguments for every item. Few of them are returned as they are: it
-- is quicker than to unpack a list.
local function list_of(args)
  local n = args.n or #args
  local a, b, c = args[1], args[2], args[3]
  if n == 0 then return function() end end
  if n == 1 then return function() return a end end
  if n == 2 then return function() return a, b end end
  if n == 3 then return function() return a, b, c end end
  return function() return table.unpack(args, 1, n) end
end

local function submit_some(pool, task, args, work, first, last)
  local futures, on_done, submit = work.futures, work.on_done, pool.submit
  for i = first, last do
    local future = submit(pool, task, args(i))
    futures[i] = future
    if on_done then future:on_done(on_done) end
  end
end

-- A serial pool runs the task within submit: each is worth a look.
local function submit_all(pool, task, args, work, view, stride)
  for first = 1, work.n, stride do
    local last = math.min(work.n, first + stride - 1)
    submit_some(pool, task, args, work, first, last)
    if view then view:look() end
  end
end

local function wait_for(future, view)
  while not future:wait(view:pause()) do view:look() end
end

local function wait_all(futures, view)
  for i = 1, #futures do
    local future = futures[i]
    if not view then
      future:wait()
    elseif not future:done() then
      wait_for(future, view)
      view:look()
    elseif i % STRIDE == 0 then
      view:look()
    end
  end
end

local function timed(on_done, work)
  if not on_done then return nil end
  return function(future)
    local start = tandem.now()
    on_done(future)
    work.callbacks = work.callbacks + tandem.now() - start
  end
end

-- Ctrl-C: nothing new is begun, and what runs is told to stop.
local function stop(pool, futures)
  core.keep_interrupts()
  pool:cancel_pending()
  for _, future in ipairs(futures) do
    if not future:done() then future:cancel("interrupt") end
  end
  tandem.wait(futures, { timeout = PATIENCE })
end

-- An interruption ends the run; any other error is the caller's.
local function carry_out(pool, options, work, view)
  local stride = options.serial and 1 or STRIDE
  local ok, problem = xpcall(function()
    submit_all(pool, options.task, options.args, work, view, stride)
    wait_all(work.futures, view)
  end, failure.of_command)
  work.ended = tandem.now()
  if ok then return end
  if view then view:finish() end
  if not failure.is_interruption(problem) then
    pool:cancel_pending()
    error(problem, 0)
  end
  work.interrupted = true
  stop(pool, work.futures)
end

local function add(items, info, start)
  local n = items.n + 1
  items.n = n
  items.queued[n] = info.queued - start
  items.began[n] = info.started - start
  items.ended[n] = info.finished - start
  items.cpu[n], items.worker[n] = info.cpu, info.worker
  items.bytes_in[n], items.bytes_out[n] = info.bytes_in, info.bytes_out
end

-- The items that ran, in the order of their submission; and how the others
-- ended.
local function collect(run, futures, start)
  local items = { n = 0 }
  for _, field in ipairs(FIELDS) do items[field] = {} end
  for _, future in ipairs(futures) do
    local info = future:info()
    if info.status == "failed" then
      run.failed = run.failed + 1
      run.failure = run.failure or future
    elseif info.status ~= "done" then
      run.cancelled = run.cancelled + 1
    end
    if info.finished then add(items, info, start) end
  end
  run.items = items
end

-- What people call the task.
local function name_of(session, options)
  if options.name then return options.name end
  local task = options.task
  if task == nil or task == session.task then return session.task_name end
  return type(task) == "string" and task or "function"
end

-- Without workers all is done in this thread, where the wait for a core can be
-- told; nil where nothing ran.
local function own_share(run, lost)
  local items, cpu, work = run.items, 0, 0
  for i = 1, items.n do
    cpu = cpu + items.cpu[i]
    work = work + items.ended[i] - items.began[i]
  end
  return work > 0 and sample.share(cpu, work - lost) or nil
end

-- Sampled only where that ends: a task that was stopped might not.
local function compare(session, run, plan)
  if run.kind == "serial" then
    run.serial_each, run.serial_lost = run.wall / run.n, plan.lost / run.n
    run.cpu_share = own_share(run, plan.lost)
  elseif not run.interrupted and run.failed == 0 and run.items.n > 0 then
    local found = sample.take(session, run, plan.task, plan.args, plan.key)
    run.serial_each = found and found.each
    run.serial_lost = found and found.lost
    run.cpu_share = found and found.cpu_share
  end
end

local function new_run(session, options, pool, n)
  return {
    task = name_of(session, options), kind = pools.kind_of(pool),
    workers = pool:stats().max_workers, n = n, failed = 0, cancelled = 0,
    args = { options.args or session.task_text },
  }
end

local function watch(session, options, pool, n)
  if not session.live or options.quiet then return nil end
  return live.start(session, pool, n)
end

local function write_down(run, work)
  run.wall, run.callbacks = work.ended - run.started, work.callbacks
  run.interrupted = work.interrupted
  collect(run, work.futures, run.started)
  run.cancelled = run.cancelled + work.n - #work.futures
end

--- Runs a task `n` times on a pool.
--
-- Ctrl-C stops the run, which is returned as far as it came. On a pool that is
-- the caller's own it also ends whatever the caller has in mind.
-- @param session the session; `session.live` allows a live view
-- @tparam table options `task`, `args` (a list, or a function of the item's
--   number), `n`, `pool`, which are the session's unless given; `name`;
--   `quiet`, no live view; `on_done`, a callback for each future
-- @treturn table `{ task, args, kind, workers, n, wall, started, serial_each,
--   callbacks, failed, cancelled, items }`: `wall` is from the first submit to
--   the last end; `args` is equal, item by item, for the same arguments;
--   `serial_each` is what an item takes on a serial pool, nil
--   where that was not found out, and `serial_lost` what it waited of that for
--   a core; `items` has a list for each of `queued`,
--   `began`, `ended` (seconds since `started`), `cpu`, `worker`, `bytes_in`,
--   `bytes_out`, of the `items.n` that ran. Then `interrupted`; `failure`, the
--   first future that failed; `cpu_share`, of an item that is alone
-- @raise what submit raises; "interrupted!"
function M.run(session, options)
  local pool, args = options.pool or session.pool, options.args or session.args
  local work = { n = options.n or session.count, futures = {}, callbacks = 0 }
  work.on_done = timed(options.on_done, work)
  local run = new_run(session, options, pool, work.n)
  local plan = {
    task = options.task or session.task, serial = run.kind == "serial",
    key = args, args = type(args) == "table" and list_of(args) or args,
  }
  -- What earlier runs left behind is not to be cleared away in this one.
  collectgarbage()
  local view = watch(session, options, pool, work.n)
  local lost = sample.lost()
  run.started = tandem.now()
  carry_out(pool, plan, work, view)
  plan.lost = lost()
  if view then view:finish() end
  write_down(run, work)
  if run.interrupted and options.pool then error("interrupted!", 0) end
  compare(session, run, plan)
  session.runs[#session.runs + 1] = run
  return run
end

return M
