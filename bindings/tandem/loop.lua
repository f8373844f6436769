--- Event loops: `tandem.await`, and what their adapters are made of.
--
-- An adapter has its loop watch `tandem.fileno()`, calls `tandem.poll()` when
-- that is readable, and attaches itself here. A loop of your own:
--
--     local wanted = false
--     require("tandem.loop").attach {
--       hold = function(yes) wanted = yes end,
--     }
--     while wanted do
--       my_select(tandem.fileno())
--       tandem.poll()
--     end
-- @module tandem.loop
local check = require "tandem.check"
local core = require "tandem.core"

local loop = {}

local running, status = coroutine.running, coroutine.status
local resume, yield = coroutine.resume, coroutine.yield
local is_yieldable = coroutine.isyieldable

-- Those that tell their own coroutines from others come first, then the
-- latest.
local attached = {}

-- Are callbacks to come?
local held = false

--- Tells all loops, whatever one of them raises.
local function tell(yes)
  held = yes
  local failed, first
  for _, one in ipairs(attached) do
    local ok, err = true, nil
    if one.hold then ok, err = pcall(one.hold, yes) end
    if not ok and not failed then failed, first = true, err end
  end
  if failed then error(first, 0) end
end

--- The traceback of a coroutine, where the host has a debug library.
local function trace_of(co, err)
  local traceback = (core.loaded("debug") or {}).traceback
  return traceback and traceback(co, tostring(err))
end

--- Nobody waits for what a coroutine raises that we have resumed: it is heard
-- of as the error of a callback is.
local function report(co, err, future)
  local trace = trace_of(co, err)
  coroutine.close(co)
  if type(err) == "string" and err:find("interrupted!$") then error(err, 0) end
  local handler = require("tandem").on_callback_error
  if handler then pcall(handler, err, future, trace) end
end

local Timer = { __close = function(self) self.stop() end }

--- A waiter for a coroutine that belongs to nobody: it is resumed from where
-- callbacks run, or from the loop's timer.
local function plain_waiter(after)
  local co = running()
  local function wake(future)
    if status(co) ~= "suspended" then return end
    local ok, err = resume(co)
    if not ok then report(co, err, future) end
  end
  local function wait(seconds, future)
    if not seconds then
      yield()
      return
    end
    if not after then
      check.fail("await: this event loop was attached without timers, "
        .. "so there can be no timeout")
    end
    local stop = after(seconds, function() wake(future) end)
    local _ <close> = setmetatable({ stop = stop }, Timer)
    yield()
  end
  return wait, wake
end

-- Seconds that every loop's timers can do. Whoever has more waits again.
local LONGEST = 1e6

local Await = {
  __close = function(self)
    if not self.woken then core.forget(self.future, self.on_done) end
  end,
}

--- Until the future is settled, or the time is over. What the coroutine is
-- resumed for besides does not matter.
local function suspend(future, wait, wake, timeout)
  local deadline = timeout and core.now() + timeout
  local self <close> = setmetatable(
    { future = future, on_done = false, woken = false }, Await)
  local function on_done(settled)
    self.woken = true
    wake(settled)
  end
  self.on_done = on_done
  future:on_done(on_done)
  while not core.is_settled(future) do
    local left = deadline and deadline - core.now()
    if left and left <= 0 then return end
    wait(left and math.min(left, LONGEST), future)
  end
end

--- As `future:result(0)`, but for how long was waited.
local function result_now(future, timeout)
  local outcome = table.pack(pcall(future.result, future, 0))
  if outcome[1] then return table.unpack(outcome, 2, outcome.n) end
  local err = outcome[2]
  if not core.is_settled(future) then err.waited = timeout end
  error(err, 0)
end

local function checked(future, timeout)
  if not core.is_future(future) then
    check.argument(1, "await", "expected a future, got " .. type(future))
  end
  if timeout == nil then return nil end
  return check.value(2, "await", "timeout", check.kinds.number, timeout)
end

-- Whose loops we have adapters for, and what else tells them.
local ADAPTERS = {
  { "cqueues", "cqueues", "tandem.cqueues" },
  { "luv", "luv", "tandem.luv" },
  { "net.server", "util.async", "tandem.prosody" },
}

--- Where nobody has attached a loop: those whose libraries the program has
-- loaded are meant.
local function attach_loaded()
  for _, adapter in ipairs(ADAPTERS) do
    if core.loaded(adapter[1]) and core.loaded(adapter[2]) then
      require(adapter[3])
    end
  end
end

local function refuse()
  if not attached[1] then
    check.fail("await: no event loop is attached: require \"tandem.luv\", "
      .. "\"tandem.cqueues\" or \"tandem.prosody\", or wait by future:result()")
  end
  check.fail("await: this is no coroutine of an event loop, or one that "
    .. "cannot yield here: start a coroutine, or block by future:result()")
end

--- A task has its thread for itself, and may block it.
local function without_loop(future, timeout)
  if not core.current() then refuse() end
  return future:result(timeout)
end

local function await(find, future, timeout)
  timeout = checked(future, timeout)
  if not is_yieldable() then return without_loop(future, timeout) end
  if not attached[1] then attach_loaded() end
  if not attached[1] then return without_loop(future, timeout) end
  if future:done() then return future:result() end
  local wait, wake = find()
  if not wait then return without_loop(future, timeout) end
  suspend(future, wait, wake, timeout)
  if timeout then return result_now(future, timeout) end
  return future:result()
end

local function find_waiter()
  for i = 1, #attached do
    local wait, wake = attached[i].waiter()
    if wait then return wait, wake end
  end
end

--- Waits for a future in a coroutine of an event loop, which goes on meanwhile;
-- in a task it blocks, as `future:result` does: the task may have to run itself
-- what it waits for. Anywhere else it is an error.
-- @tparam future future
-- @tparam ?number timeout in seconds; then kind "timeout" is raised
-- @return the task's results; raises what the task raised
function loop.await(future, timeout)
  if core.current() then return future:result(checked(future, timeout)) end
  return await(find_waiter, future, timeout)
end

local function is_function(v)
  if type(v) == "function" then return v end
  return nil, "a function"
end

local OPTIONS = {
  hold = is_function,
  after = is_function,
  waiter = is_function,
  exact = check.kinds.boolean,
}

local Loop = {}
Loop.__index = Loop

local function position_for(self)
  if self.exact then return 1 end
  for i, one in ipairs(attached) do
    if not one.exact then return i end
  end
  return #attached + 1
end

--- Attaches an event loop, all of whose options may be left out:
--
-- - `hold(yes)` is called with true when callbacks are to come, or coroutines
--   wait, and the loop shall not end; with false when there are none;
-- - `after(seconds, fn)` starts a timer, and returns a function that stops it:
--   for the timeouts of `await`;
-- - `waiter()`, where coroutines are not simply resumed: for the running
--   coroutine two functions, `wait(seconds)`, which returns when the other,
--   `wake()`, was called, or the time is over (nil: no limit); or nil if that
--   is no coroutine of this loop;
-- - `exact = true`: waiter knows its own coroutines, and is asked before those
--   that take any.
-- @tparam ?table options
-- @treturn table with the methods `detach()` and `await(future [, timeout])`
function loop.attach(options)
  local self = setmetatable(check.options(1, "attach", options, OPTIONS), Loop)
  if not self.waiter then
    local after = self.after
    self.waiter = function() return plain_waiter(after) end
  end
  if not attached[1] then held = core.set_loop(tell) end
  table.insert(attached, position_for(self), self)
  if held and self.hold then self.hold(true) end
  return self
end

--- Detaches the loop. What waits in it goes on where `tandem.poll` is called.
function Loop:detach()
  for i, one in ipairs(attached) do
    if one == self then
      table.remove(attached, i)
      if held and self.hold then self.hold(false) end
      return
    end
  end
end

--- As `tandem.await`, in this loop, whatever others are attached.
function Loop:await(future, timeout)
  return await(self.waiter, future, timeout)
end

return loop
