--- `tandem map TASK`: JSON Lines in, JSON Lines out.
--
-- One loop, which waits nowhere but in tandem.poll:
--
--     stdin -> lines (a thread) -> batch -> pool -> settled -> stdout
--                     '----------- at most WINDOW batches ----'
--
-- Lines are taken as far as they have arrived and the window has room; what
-- settles is written in order (or at once) by callbacks, flushed before the
-- loop waits again. The window bounds memory however long the input is, and
-- however long one slow item holds back the results behind it.
--
-- @module tandem_cli.map
local core = require "tandem.core"
local tandem = require "tandem"

local failure = require "tandem_cli.failure"
local json = require "tandem_cli.json"
local lines = require "tandem_cli.lines"
local progress = require "tandem_cli.progress"

local M = {}

local FAILED, BAD_INPUT = 1, 2

-- Batches that are under way or wait for their turn to be written.
local WINDOW = 512

-- How long one wait may take, in seconds; the loop comes back by itself long
-- before, whenever a line or a result is there.
local NAP = 60

local EPIPE = 32

local Mapper = {}
Mapper.__index = Mapper

local function new_pool(options)
  local make = options.processes and tandem.process_pool or tandem.thread_pool
  local ok, pool = pcall(make, options.processes or options.threads)
  if ok then return pool end
  -- Of an argument error what is in brackets: the rest is about our own call.
  return nil, (tostring(pool):gsub("^.*bad argument.-%((.*)%)$", "%1"))
end

-- What submit would say of the task, once there is an item.
local function task_problem(task)
  local complaint = core.check_task(task, 1, "submit")
  return complaint and "TASK: "
    .. (complaint:match("^bad argument.-%((.*)%)$") or complaint)
end

local function new_mapper(options, pool)
  -- Before the first line is read: see progress.
  local counter = progress.new()
  return setmetatable({
    options = options, pool = pool, input = lines.open(tandem),
    progress = counter,
    line_number = 0,        -- of the last line taken
    batch = nil,            -- lines taken and not yet submitted
    submitted = 0,          -- batches
    written = 0,            -- batches
    settled = {},           -- outcomes by batch that wait for their turn
    ended = false,          -- no more input is taken
    failed = false,         -- some item failed
    stop = nil,             -- leave now: { status =, message = }
    malformed = nil,        -- leave when all is written, likewise
  }, Mapper)
end

-- Ends the work at once, from wherever it is.
function Mapper:leave(status, message)
  self.stop = self.stop or { status = status, message = message }
end

-- The reader of a closed pipe has what he wanted: no message.
function Mapper:check_output(ok, message, code)
  if ok then return end
  self:leave(FAILED, code ~= EPIPE and "stdout: " .. message or nil)
end

local function error_line(problem, number)
  local _, line = json.encode {
    error = {
      kind = problem.kind, message = problem.message, line = number,
    },
  }
  return line
end

-- A value that JSON cannot say is a failure of its item.
local function encode(outcome)
  if outcome.error then return nil, outcome.error end
  local value = outcome.value
  if value == nil then value = json.null end
  local ok, text = json.encode(value)
  if ok then return text end
  return nil, { kind = "encode", message = text }
end

function Mapper:write(outcome, number)
  local text, problem = encode(outcome)
  self.progress:count(problem ~= nil)
  if problem then
    self.failed = true
    if self.options.on_error == "raise" then
      local told = ("line %d: %s"):format(number, problem.message)
      return self:leave(FAILED, told)
    end
    text = error_line(problem, number)
  end
  self:check_output(io.stdout:write(text, "\n"))
end

function Mapper:write_batch(batch)
  for i, outcome in ipairs(batch.outcomes) do
    if self.stop then return end
    self:write(outcome, batch.numbers[i])
  end
  self.written = self.written + 1
end

-- What came of a batch, item by item; where the batch failed as a whole,
-- each of its items did.
local function outcomes_of(batch, future)
  if future:status() ~= "done" then
    local problem = failure.describe((future:error()))
    local outcomes = {}
    for i = 1, #batch.items do outcomes[i] = { error = problem } end
    return outcomes
  elseif batch.alone then
    return { { value = (future:result()) } }
  end
  return (future:result())
end

function Mapper:settle(batch, future)
  if self.stop then return end
  batch.outcomes = outcomes_of(batch, future)
  if self.options.unordered then return self:write_batch(batch) end
  self.settled[batch.index] = batch
  while self.settled[self.written + 1] and not self.stop do
    local turn = self.written + 1
    self:write_batch(self.settled[turn])
    self.settled[turn] = nil
  end
end

-- With one item a batch the pool gets the task itself. A protected call says
-- "malformed task" without saying where in this file.
function Mapper:submit(batch)
  batch.alone = self.options.chunk == 1
  local pool, task = self.pool, self.options.task
  if batch.alone then
    return pcall(pool.submit, pool, task, batch.items[1])
  end
  return pcall(pool.submit, pool, "tandem_cli.batch:run", task, batch.items)
end

function Mapper:send_batch()
  local batch = self.batch
  if not batch then return end
  self.batch = nil
  self.submitted = self.submitted + 1
  batch.index = self.submitted
  local ok, future = self:submit(batch)
  if not ok then return self:leave(BAD_INPUT, tostring(future)) end
  future:on_done(function() self:settle(batch, future) end)
end

function Mapper:add_item(item)
  local batch = self.batch or { items = {}, numbers = {} }
  self.batch = batch
  local count = #batch.numbers + 1
  batch.items[count] = item
  batch.numbers[count] = self.line_number
  if count == self.options.chunk then self:send_batch() end
end

function Mapper:end_input()
  self.ended = true
  self:send_batch()
end

function Mapper:take_line(line)
  self.line_number = self.line_number + 1
  self.progress:take(#line)
  if not line:find("%S") then return end
  local ok, item = json.decode(line)
  if ok then return self:add_item(item) end
  self.malformed = {
    status = BAD_INPUT,
    message = ("line %d is not JSON: %s"):format(self.line_number, item),
  }
  self:end_input()
end

-- Takes what has arrived, as far as there is room. A batch that is not full
-- is sent as it is when the input has nothing more at the moment.
function Mapper:take_lines()
  while not self.ended and not self.stop
        and self.submitted - self.written < WINDOW do
    local readable, arrived, line = pcall(self.input.next, self.input)
    if not readable then
      return self:leave(BAD_INPUT, "stdin: " .. tostring(arrived))
    elseif not arrived then
      return self:send_batch()
    elseif not line then
      return self:end_input()
    end
    self:take_line(line)
  end
end

function Mapper:loop()
  while true do
    self:take_lines()
    self:check_output(io.stdout:flush())
    if self.stop then return end
    if self.ended and self.written == self.submitted then return end
    tandem.poll(NAP)
  end
end

local function complain(message)
  io.stderr:write("tandem map: ", message, "\n")
end

-- The thread that reads may be waiting for a line that never comes, and the
-- running items are of no use any more: nothing is waited for.
local function abandon(stop)
  if stop.message then complain(stop.message) end
  os.exit(stop.status, false)
end

function Mapper:finish()
  self.progress:finish()
  if self.stop then abandon(self.stop) end
  if self.malformed then abandon(self.malformed) end
  return self.failed and FAILED or 0
end

--- Runs the command.
-- @tparam table options `task`, `threads`, `processes`, `chunk`,
--   `unordered`, `on_error`
-- @treturn integer the exit status
function M.start(options)
  local problem = json.load() or task_problem(options.task)
  local pool
  if not problem then pool, problem = new_pool(options) end
  if problem then
    complain(problem)
    return BAD_INPUT
  end
  local mapper = new_mapper(options, pool)
  local ok, report = xpcall(mapper.loop, failure.traceback, mapper)
  if ok then return mapper:finish() end
  -- What is written is written, and the last line is whole.
  mapper.progress:finish()
  io.stdout:flush()
  error(report, 0)
end

return M
