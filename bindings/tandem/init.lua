--- tandem: a concurrency toolkit for Lua 5.4.
--
-- Functions are submitted by module name to a pool of workers, each with its
-- own Lua state, and come back as futures.
--
--     local tandem = require "tandem"
--     local pool <close> = tandem.thread_pool(4)
--     print(pool:submit("tasks.primes:is_prime", 112272535095293):result())
--
-- Threads run Lua truly in parallel (there is no GIL), so they serve
-- CPU-bound work as well as IO-bound work.
-- @module tandem

-- Our C module takes Lua's functions from the program that loads it.
local REMEDY = "\nThis program keeps its Lua from C modules. Where that is in "
  .. "the program itself, link it with -rdynamic; where a library brought it, "
  .. "call package.loadlib(\"liblua5.4.so.0\", \"*\") before."

local found, core = pcall(require, "tandem.core")
if not found then
  local is_hidden = tostring(core):find("undefined symbol: lua", 1, true)
  error(is_hidden and core .. REMEDY or core, 0)
end

-- What require says of where it has found this file.
local _, own_path = ...
local home = type(own_path) == "string" and own_path:match("^(.*)init%.lua$")
if home then core.set_home("@" .. home) end

--- Requires a module of ours, as late as that may be: where no descriptor is
-- left for its file, Lua says that there is none.
local function load_module(name)
  local loaded, module = pcall(require, name)
  if loaded then return module end
  local shortage = core.load_shortage(tostring(module))
  error(shortage and core.new_error("limit", shortage) or module, 0)
end

--- A function of a module that is loaded when it is first called. A worker
-- that only sleeps, or asks whether it is cancelled, need not load the rest.
local function later(module, name)
  return function(...) return load_module(module)[name](...) end
end

local tandem = {
  _VERSION = "tandem 0.1.0",

  thread_pool = later("tandem.pool", "thread_pool"),
  process_pool = later("tandem.pool", "process_pool"),
  serial_pool = later("tandem.pool", "serial_pool"),

  wait = later("tandem.futures", "wait"),
  as_completed = later("tandem.futures", "as_completed"),
  all = later("tandem.futures", "all"),
  any = later("tandem.futures", "any"),

  await = later("tandem.loop", "await"),

  range = later("tandem.range", "new"),
  classify = later("tandem.measure", "classify"),
}

--- Openers of C modules that are linked into the host, by the modules' names:
-- they are in `package.preload` of every worker of thread and serial pools that
-- are made from now on. Worker processes are another program, and have none.
-- @table openers
tandem.openers = {}

core.future_methods.and_then = later("tandem.chain", "and_then")

--- Runs the callbacks that are ready in this state.
-- @tparam[opt=0] number timeout seconds to wait for one, where some are
--   expected
-- @treturn integer how many ran
-- @function poll
tandem.poll = core.poll

--- A descriptor that is readable when `poll` has work: for epoll, luv, cqueues.
-- @treturn integer
-- @function fileno
tandem.fileno = core.fileno

--- What runs here: inside a task a table `{ task, worker, pool, attempt }`.
-- @treturn ?table nil outside of a task
-- @function current
tandem.current = core.current

--- The pool that runs this task: what it submits there may be waited for, also
-- with one worker, as whoever waits runs it. Only its maker can shut it down or
-- resize it.
-- @treturn ?pool nil outside of a task
-- @function pool
tandem.pool = later("tandem.pool", "around")

--- Shall this task end soon? A long task asks now and then.
-- @treturn boolean
-- @function cancelled
tandem.cancelled = core.cancelled

--- Says how far this task is, for `future:progress` and the bar of a map. Cheap
-- enough for an inner loop.
-- @tparam number done
-- @tparam ?number total
-- @tparam ?string note at most 39 bytes of it are kept; without one the last
--   remains
-- @function progress
tandem.progress = core.progress

--- Sleeps. In a task it raises an error of kind "cancelled" when the task is
-- told to end.
-- @tparam number seconds
-- @function sleep
tandem.sleep = core.sleep

--- Monotonic time in seconds.
-- @treturn number
-- @function now
tandem.now = core.now

--- Processors that this process may use: affinity and control group heeded.
-- @treturn integer
-- @function cpu_count
tandem.cpu_count = core.cpu_count

--- Is this one of tandem's errors?
-- @param value anything
-- @tparam[opt] string kind and of this kind?
-- @treturn boolean
-- @function is_error
tandem.is_error = core.is_error

--- Hears of errors in callbacks. Set another to replace it.
-- @param err what was raised
-- @tparam future future the one whose callback it was
-- @tparam ?string traceback
function tandem.on_callback_error(err, future, traceback)
  core.write_error(("tandem: error in a callback of %s: %s\n%s\n"):format(
    tostring(future), tostring(err), traceback or ""))
end

core.set_error_handler(function(...)
  local handler = tandem.on_callback_error
  if handler then handler(...) end
end)

return tandem
