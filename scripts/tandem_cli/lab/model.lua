--- A pool as a model of discrete events: what would so many workers need on
-- so many cores?
--
-- Items wait in one queue, first come first served, for a free worker. An
-- item computes for half of its CPU time, waits, and computes for the other
-- half, as one that sends a request and reads the answer. Items that compute
-- share the cores, slice by slice and in turn, as a system shares them; those
-- that wait need none. (To share them in infinitely small slices would keep
-- items that start together in step for ever, which real ones are not.)
-- At the end of each item the caller handles its result, one after another.
--
-- Items that have a core go equally fast. So the model keeps one clock of
-- work, which says how much each core has given since the start; a slice is
-- over when that clock comes to its mark. Nothing has to be brought up to
-- date in each event.
--
-- @module tandem_cli.lab.model
local heap = require "tandem_cli.lab.heap"

local M = {}

local Model = {}
Model.__index = Model

-- What an item does next, by the number of steps behind it.
local STEPS = {
  function(model, i) model:compute(i) end,
  function(model, i) model:wait(i, model.work.wait[i]) end,
  function(model, i) model:compute(i) end,
  function(model) model:leave() end,
}

-- Gives free cores to those that are first in turn.
function Model:dispatch()
  while self.computing.n < self.machine.cores and self.first <= self.last do
    local i = self.ready[self.first]
    self.ready[self.first] = nil
    self.first = self.first + 1
    local slice = math.min(self.left[i], self.machine.slice)
    self.left[i] = self.left[i] - slice
    self.computing:push(self.given + slice, i)
  end
end

function Model:queue(i)
  self.last = self.last + 1
  self.ready[self.last] = i
end

function Model:compute(i)
  self.left[i] = self.work.cpu[i] / 2
  self:queue(i)
end

function Model:slice_over()
  local i = self.computing:pop()
  if self.left[i] > 0 then self:queue(i) else self:step(i) end
end

function Model:wait(i, seconds)
  self.waiting:push(self.now + seconds, i)
end

function Model:leave()
  self.free = self.free + 1
  self.ends[#self.ends + 1] = self.now
end

function Model:step(i)
  local step = self.steps[i] + 1
  self.steps[i] = step
  STEPS[step](self, i)
end

-- A worker takes the next item; handing it over takes a moment.
function Model:take()
  local i = self.next
  self.next, self.free = i + 1, self.free - 1
  self.steps[i] = 0
  self:wait(i, self.work.handover)
end

-- How fast the cores in use are now.
function Model:rate()
  local machine = self.machine
  return math.min(1, machine.cores * machine.yield / self.computing.n)
end

function Model:next_take()
  if self.free == 0 or self.next > self.work.n then return math.huge end
  return math.max(self.now, (self.next - 1) * self.work.submit)
end

function Model:next_computed()
  local mark = self.computing:least()
  if not mark then return math.huge end
  return self.now + math.max(0, mark - self.given) / self:rate()
end

function Model:advance(time)
  if self.computing.n > 0 then
    self.given = self.given + (time - self.now) * self:rate()
  end
  self.now = time
end

-- The next event; false where there is none.
function Model:event()
  local take, computed = self:next_take(), self:next_computed()
  local waited = self.waiting:least() or math.huge
  local time = math.min(take, computed, waited)
  if time == math.huge then return false end
  self:advance(time)
  if time == computed then
    self:slice_over()
  elseif time == waited then
    self:step(self.waiting:pop())
  else
    self:take()
  end
  self:dispatch()
  return true
end

--- When the caller is through with all results: it handles each for so long
-- once it is there, in the order in which they come.
-- @tparam {number,...} ends when items ended, in order
-- @tparam number each seconds
-- @treturn number
function M.handled(ends, each)
  local free = 0
  for _, time in ipairs(ends) do free = math.max(free, time) + each end
  return free
end

--- Runs the model.
-- @tparam table work `n` items; lists `cpu` and `wait`, seconds of each;
--   `submit` seconds between two of them; `handover` to a worker; `callback`,
--   the caller's time for each result; `tail`, its time after the last;
--   `weight`, how many real items each stands for, by default 1
-- @tparam integer workers
-- @tparam table machine `cores`; `yield`, what part of them all is to be had,
--   so that one may run at full speed where two do not; `slice`, seconds that
--   an item computes before another has its turn
-- @treturn table `{ wall, throughput }`
function M.run(work, workers, machine)
  local model = setmetatable({
    work = work, free = workers, machine = machine, now = 0, given = 0,
    next = 1, steps = {}, ends = {}, left = {}, ready = {}, first = 1,
    last = 0, computing = heap.new(), waiting = heap.new(),
  }, Model)
  repeat until not model:event()
  local each = work.weight or 1
  local wall = M.handled(model.ends, work.callback) * each + work.tail
  return { wall = wall, throughput = work.n * each / wall }
end

return M
