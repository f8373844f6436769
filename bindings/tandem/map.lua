--- map, starmap, reduce: items in, chunks of them to the workers, results out.
--
-- Each chunk is one task of the core. This file decides how many items go into
-- a chunk and how many chunks are on their way; what runs for every single
-- item is in C.
-- @module tandem.map
-- @local
local check = require "tandem.check"
local core = require "tandem.core"
local progress = require "tandem.progress"
local source = require "tandem.source"

local map = {}

local policy = {}
policy.__index = policy
-- However a map is left, nothing of it goes on that could be spared.
policy.__close = function(self) self:give_up() end

-- A chunk shall run about so long: short enough to share the work out evenly,
-- long enough that the cost of a task is lost in it.
local CHUNK_SECONDS = 100e-6
-- Work that is shorter than this is not worth cutting for the sake of balance.
local WORTH_BALANCING = 20e-6
local LARGEST_CHUNK = 16384
local GROWTH = 8
-- Work for so long is kept on its way for each processor, so that the reader
-- need not be woken for each chunk: it sleeps until half of it is done.
local WINDOW_SECONDS = 1e-3
local MOST_CHUNKS = 256

local kinds = check.kinds
local OPTIONS = {
  chunk = check.count_or_auto,
  buffer = check.count_or_auto,
  ordered = kinds.boolean,
  on_error = check.one_of("raise", "collect"),
  timeout = kinds.number,
  progress = function(v)
    if type(v) == "boolean" or type(v) == "function" then return v end
    return nil, "a boolean or a function"
  end,
}
local REDUCE_OPTIONS = {
  chunk = OPTIONS.chunk,
  buffer = OPTIONS.buffer,
  timeout = OPTIONS.timeout,
  progress = OPTIONS.progress,
}

local function new_policy(pool, job, task, items, options, view)
  local _, _, workers = core.describe(pool)
  local self = setmetatable({
    pool = pool,
    job = job,
    task = task,
    source = items,
    workers = workers,
    width = math.min(workers, core.cpu_count()),
    ahead = 0, -- chunks after the first that are worth waiting for as well
    priority = view and view.priority or 0,
    retries = view and view.retries or 0,
    label = view and view.name,
    task_timeout = view and view.timeout,
    auto = (options.chunk or "auto") == "auto",
    chunk = options.chunk ~= "auto" and options.chunk or 1,
    buffer = options.buffer ~= "auto" and options.buffer or math.maxinteger,
    timeout = options.timeout,
    deadline = options.timeout and core.now() + options.timeout,
    ordered = options.ordered ~= false,
    -- The chunks that are on their way, in order: a list linked both ways of
    -- { future, first, count }, first the number of its first item. (A table
    -- that is used as a queue is rehashed all the time.)
    head = nil,
    tail = nil,
    chunks = 0, -- how many these are
    flying = 0, -- items in these
    returned = 0, -- chunks that are back
    finished = {}, -- unordered: chunks that are back
    delivered = 0, -- items given to the reader
    tell = progress.reporter(options.progress, items.total),
    has_bar = options.progress == true,
  }, policy)
  -- Each item has a limit of its own: it travels alone.
  local limited = self.task_timeout or core.timeout(pool) > 0
  if limited and self.auto then self.auto = false end
  self.least_chunks = 2 * workers + 4
  self.most_chunks = self.least_chunks
  return self
end

--- How far to be ahead of the reader, by what an item costs.
function policy:set_window(cost)
  local chunk_seconds = math.max(cost * self.chunk, 1e-6)
  local chunks = WINDOW_SECONDS * self.width / chunk_seconds // 1 | 0
  self.most_chunks = math.min(math.max(chunks, self.least_chunks),
    math.max(MOST_CHUNKS, self.least_chunks))
  self.ahead = math.min(chunks, self.most_chunks) // 2
end

-- A chunk size that is given does not change; what an item costs then matters
-- for the window alone, and is looked at now and then.
local LEARN_FIRST, LEARN_EACH = 4, 16

--- Learns from a chunk that is back what an item costs.
function policy:learn(future)
  local n = self.returned
  self.returned = n + 1
  if not self.auto and n > LEARN_FIRST and n % LEARN_EACH ~= 0 then return end
  local seconds, items = core.took(future)
  local each = seconds / items
  local cost = self.cost and 0.7 * self.cost + 0.3 * each or each
  self.cost = cost
  if self.auto then
    local want = cost > 0 and CHUNK_SECONDS / cost or LARGEST_CHUNK
    want = math.min(want, self.chunk * GROWTH, LARGEST_CHUNK)
    self.chunk = math.max(1, want // 1 | 0)
  end
  self:set_window(cost)
end

--- How many items the next chunk takes.
function policy:next_size()
  local size = self.chunk
  local left = self.auto and self.source:left()
  if left and self.cost then
    local share = left // (2 * self.workers) + 1
    local least = WORTH_BALANCING / math.max(self.cost, 1e-9)
    size = math.min(size, math.max(share, least // 1 | 0, 1))
  end
  return math.min(size, self.buffer - self.flying)
end

function policy:send(size)
  local first = self.source.taken + 1
  local count = self.source:take(size)
  if count == 0 then return false end
  core.pack_begin(self.pool, self.combine)
  self.source:pack(self.pool, self.job == core.STARMAP)
  local future = core.submit_chunk(self.pool, self.task, count, self.job,
    self.priority, self.label, self.retries, self.task_timeout)
  local entry = { future = future, first = first, count = count,
                  before = self.tail, after = nil }
  if self.tail then self.tail.after = entry else self.head = entry end
  self.tail = entry
  self.chunks = self.chunks + 1
  self.flying = self.flying + count
  if not self.ordered then
    local finished = self.finished
    future:on_done(function() finished[#finished + 1] = entry end)
  end
  return true
end

--- Sends chunks until enough are on their way.
function policy:fill()
  local input = self.source
  while not input.ended and self.flying < self.buffer
    and self.chunks < self.most_chunks do
    if not self:send(self:next_size()) then break end
  end
end

function policy:time_left()
  return self.deadline and self.deadline - core.now()
end

--- What the items on their way say of their own progress, in items.
function policy:partly_done()
  local sum, entry = 0, self.head
  for _ = 1, 2 * self.workers do
    if not entry then break end
    local done, total = entry.future:progress()
    if total and total > 0 and not entry.future:done() then
      sum = sum + math.min(math.max(done / total, 0), 1)
    end
    entry = entry.after
  end
  return sum
end

--- Waits for a chunk, and shows meanwhile how far it is.
function policy:await(future)
  if not self.has_bar then return future:wait(self:time_left()) end
  repeat
    local left = self:time_left()
    local frame = math.min(left or progress.FRAME, progress.FRAME)
    if future:wait(frame) then return true end
    self:tell(self.delivered, false, self:partly_done())
  until left and left <= 0
  return false
end

function policy:raise_timeout()
  local err = core.new_error("timeout", ("map ran out of time with %d items "
    .. "on their way"):format(self.flying))
  err.waited = self.timeout
  self:give_up()
  error(err)
end

--- The chunk that is so many after the given one, or the last.
local function skip(entry, n)
  while n > 0 and entry.after do
    entry, n = entry.after, n - 1
  end
  return entry
end

--- The next chunk in order, settled.
function policy:next_in_order()
  local entry = self.head
  local future = entry.future
  if not future:done() then
    if self.ahead > 0 then self:await(skip(entry, self.ahead).future) end
    if not self:await(future) then self:raise_timeout() end
  end
  return entry
end

--- The next chunk that is back, whichever it is.
function policy:next_finished()
  local finished = self.finished
  while #finished == 0 do
    local until_then = self.deadline
    if self.has_bar then
      local frame = core.now() + progress.FRAME
      until_then = math.min(until_then or frame, frame)
    end
    if not core.wait_any(until_then) and #finished == 0 then
      if until_then == self.deadline then self:raise_timeout() end
      self:tell(self.delivered, false, self:partly_done())
    end
  end
  return table.remove(finished, 1)
end

--- Takes a chunk off those that are on their way.
function policy:take_off(entry)
  local before, after = entry.before, entry.after
  if before then before.after = after else self.head = after end
  if after then after.before = before else self.tail = before end
  self.chunks = self.chunks - 1
  self.flying = self.flying - entry.count
  self.delivered = self.delivered + entry.count
  self:learn(entry.future)
end

--- The next settled chunk and the number of its first item; nil at the end.
-- What the input raised is raised once all that came before is delivered.
function policy:next_chunk()
  if self.closed then return nil end
  if self.tell then self:tell(self.delivered) end
  self:fill()
  if not self.head then
    self.closed = true
    if self.tell then self:tell(self.delivered, true) end
    self.source:rethrow()
    return nil
  end
  local entry = self.ordered and self:next_in_order() or self:next_finished()
  self:take_off(entry)
  return entry.future, entry.first
end

--- Cancels what has not started; the map is at its end. Within a task that is
-- told to end its items are told as well.
function policy:give_up()
  local mode = core.cancelled() and "interrupt" or "pending"
  if self.closed then return end
  self.closed = true
  self.source:close()
  local entry = self.head
  while entry do
    entry.future:cancel(mode)
    entry = entry.after
  end
  if self.tell then self:tell(self.delivered, true) end
end

--- Starts a map.
-- @return an iterator, callable; nil, nil; and itself to be closed
function map.new(pool, job, task, items, options, view)
  local name = job == core.MAP and "map" or "starmap"
  check.task(1, name, task)
  items = source.new(2, name, items)
  options = check.options(3, name, options, OPTIONS)
  local self = new_policy(pool, job, task, items, options, view)
  self:fill()
  local mapping = core.new_mapping(self, options.on_error == "collect")
  return mapping, nil, nil, mapping
end

local mapping = core.mapping_methods

--- Drains the map.
-- @treturn table the first result of each item, by its index
-- @treturn table the errors by index, with `on_error = "collect"`
function mapping:collect()
  local state <close> = core.policy(self)
  local results, errors = {}, {}
  core.drain(self, results, errors, state.ordered)
  return results, errors
end

--- Ends the map early: what has not started is cancelled.
function mapping:close()
  core.policy(self):give_up()
end

core.mapping_meta.__close = mapping.close

--- Folds the partial results, in a worker, until one is left.
local function fold(self, combine, partials, n)
  if n < 2 then return partials[1] end
  local items = source.new(1, "reduce", partials)
  core.pack_begin(self.pool, combine, true)
  items:take(n)
  items:pack(self.pool)
  local future = core.submit_chunk(self.pool, self.task, n, core.REDUCE,
    self.priority, self.label, self.retries, self.task_timeout)
  if not future:wait(self:time_left()) then self:raise_timeout() end
  return (future:result())
end

--- See pool:reduce.
function map.reduce(pool, task, combine, items, options, view)
  check.task(1, "reduce", task)
  check.task(2, "reduce", combine)
  items = source.new(3, "reduce", items)
  options = check.options(4, "reduce", options, REDUCE_OPTIONS)
  local self = new_policy(pool, core.REDUCE, task, items, options, view)
  self.combine = combine
  local _ <close> = self
  local partials, n = {}, 0
  for future in function() return self:next_chunk() end do
    if future:status() ~= "done" then self:give_up() end
    n = n + 1
    partials[n] = future:result()
  end
  return fold(self, combine, partials, n)
end

return map
