--- tandem in the controllers of cqueues.
--
--     local cqueues = require "cqueues"
--     require "tandem.cqueues"
--     local cq = cqueues.new()
--     cq:wrap(function() print(tandem.await(future)) end)
--     assert(cq:loop())
--
-- A future can be polled, also beside other things: `cqueues.poll(f, 1.5)`.
--
-- Each controller in which something waits has a coroutine of ours, the pump,
-- which watches the descriptor and runs callbacks. It ends with the last that
-- waits, so that the controller may be empty then.
-- @module tandem.cqueues
local condition = require "cqueues.condition"
local core = require "tandem.core"
local cqueues = require "cqueues"
local loop = require "tandem.loop"
local tandem = require "tandem"

local adapter = {}

-- Are callbacks to come, in whatever loop?
local held = false

-- The pump of each controller; and the controller that each thread steps.
local pumps = setmetatable({}, { __mode = "k" })
local stepping = setmetatable({}, { __mode = "k" })

-- What was being stepped when this file was loaded has not told us.
local first = setmetatable({ cqueues.running() }, { __mode = "v" })

local Pump = {}
Pump.__index = Pump

local function pump_of(cq)
  local pump = pumps[cq]
  if not pump then
    pump = setmetatable({ waiting = 0, changed = condition.new() }, Pump)
    pumps[cq] = pump
  end
  return pump
end

function Pump:is_needed()
  return self.waiting > 0 or self.attached and held
end

local function run_callbacks(self)
  local ok, err = pcall(tandem.poll)
  if ok then return end
  self.is_running = false
  error(err, 0)
end

--- Before it ends it lets those go on that it has woken: they may wait again.
function Pump:run()
  local source = { events = "r" }
  while self:is_needed() do
    source.pollfd = tandem.fileno()
    cqueues.poll(source, self.changed)
    run_callbacks(self)
    if not self:is_needed() then cqueues.poll(0) end
  end
  self.is_running = false
end

function Pump:need(cq)
  if self.is_running then return end
  assert(cq:wrap(Pump.run, self))
  self.is_running = true
end

function Pump:leave()
  self.waiting = self.waiting - 1
  if not self:is_needed() then self.changed:signal() end
end

function Pump:enter(cq)
  self:need(cq)
  self.waiting = self.waiting + 1
end

-- A coroutine is in its pump's count while it waits.
local Waiting = { __close = function(self) self.pump:leave() end }

local function wait_in(cq, signal, seconds)
  local pump = pump_of(cq)
  pump:enter(cq)
  local _ <close> = setmetatable({ pump = pump }, Waiting)
  cqueues.poll(signal, seconds)
end

local function waiter_in(cq)
  local signal = condition.new()
  return function(seconds) wait_in(cq, signal, seconds) end,
    function() signal:signal() end
end

local function waiter()
  local cq, is_its_own = cqueues.running()
  if is_its_own then return waiter_in(cq) end
end

local function hold(yes)
  held = yes
  for cq, pump in pairs(pumps) do
    if not pump.attached then goto continue end
    if yes then pump:need(cq) else pump.changed:signal() end
    ::continue::
  end
end

-- --- futures that can be polled -------------------------------------------

local step
local function stepped(thread, before, ...)
  stepping[thread] = before
  return ...
end

step = cqueues.interpose("step", function(self, timeout)
  local thread = coroutine.running()
  local before = stepping[thread]
  stepping[thread] = self
  return stepped(thread, before, step(self, timeout))
end)

--- The condition that is signalled when the future is settled, and the pumps
-- that count it.
local function polling_of(future)
  local notes = core.notes(future)
  local polling = notes.polling
  if polling then return polling end
  polling = { signal = condition.new(), pumps = {} }
  notes.polling = polling
  future:on_done(function()
    polling.signal:signal()
    for pump in pairs(polling.pumps) do pump:leave() end
    polling.pumps = {}
  end)
  return polling
end

-- cqueues asks for these three, in the thread that steps the controller, when a
-- coroutine begins to poll.
local methods = core.future_methods

function methods.pollfd(future)
  if future:done() then return nil end
  local cq = stepping[coroutine.running()] or first[1]
  if not cq then error("this controller was stepped before tandem.cqueues "
    .. "was required: require it first", 0) end
  local polling, pump = polling_of(future), pump_of(cq)
  if core.is_settled(future) then return nil end
  if not polling.pumps[pump] then
    pump:enter(cq)
    polling.pumps[pump] = true
  end
  return polling.signal
end

function methods.events()
  return nil
end

function methods.timeout(future)
  if core.is_settled(future) then return 0 end
  return nil
end

-- --- the module -----------------------------------------------------------

local mine = loop.attach { hold = hold, waiter = waiter, exact = true }

-- The same for whatever coroutine is on top of one of a controller.
local nested = setmetatable({
  waiter = function()
    local cq = cqueues.running()
    if cq then return waiter_in(cq) end
  end,
}, getmetatable(mine))

--- Has a controller run the callbacks of `future:on_done`, too, as long as some
-- are to come. Where coroutines wait it does so anyway.
-- @tparam cqueue cq a controller
function adapter.attach(cq)
  local pump = pump_of(cq)
  pump.attached = true
  if held then pump:need(cq) end
end

--- The controller runs callbacks only while coroutines wait in it.
-- @tparam cqueue cq a controller
function adapter.detach(cq)
  local pump = pump_of(cq)
  pump.attached = false
  if not pump:is_needed() then pump.changed:signal() end
end

--- As `tandem.await`, where several loops are attached: in the controller that
-- runs. Also in a coroutine that `cqueues.auxlib` has made.
-- @tparam future future
-- @tparam ?number timeout
-- @return the task's results
function adapter.await(future, timeout)
  return nested:await(future, timeout)
end

return adapter
