--- Runs in the format of Chrome's traces, which Perfetto opens.
--
-- A run is a process there and a worker a thread; the queue's length is a
-- counter. Times are microseconds.
--
-- @module tandem_cli.lab.trace
local spans = require "tandem_cli.lab.spans"
local units = require "tandem_cli.lab.units"

local M = {}

local function microseconds(seconds)
  return math.floor(seconds * 1e6 + 0.5)
end

local function name_event(what, pid, tid, name)
  return { ph = "M", name = what, pid = pid, tid = tid,
           args = { name = name } }
end

local function task_event(run, span, pid, start)
  return {
    ph = "X", name = run.task, cat = run.kind, pid = pid, tid = span.worker,
    ts = microseconds(start + span.began), dur = microseconds(span.run),
    args = { item = span.index, cpu_us = microseconds(span.cpu),
             queue_us = microseconds(span.began - span.queued),
             bytes_in = run.items.bytes_in[span.index],
             bytes_out = run.items.bytes_out[span.index] },
  }
end

-- The length of the queue, where it changes.
local function add_counter(events, list, pid, start)
  local changes = {}
  for _, span in ipairs(list) do
    changes[#changes + 1] = { span.queued, 1 }
    changes[#changes + 1] = { span.began, -1 }
  end
  table.sort(changes, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] > b[2]
  end)
  local length = 0
  for _, change in ipairs(changes) do
    length = length + change[2]
    events[#events + 1] = { ph = "C", name = "queue", pid = pid,
      ts = microseconds(start + change[1]), args = { tasks = length } }
  end
end

local function add_run(events, run, pid, start)
  local list = spans.of(run)
  local _, workers = spans.by_worker(list)
  events[#events + 1] = name_event("process_name", pid, 0,
    run.task .. " on " .. units.workers(run.kind, run.workers))
  for _, worker in ipairs(workers) do
    events[#events + 1] = name_event("thread_name", pid, worker,
                                     ("worker %d"):format(worker))
  end
  for _, span in ipairs(list) do
    events[#events + 1] = task_event(run, span, pid, start)
  end
  add_counter(events, list, pid, start)
end

--- Makes the trace.
-- @tparam {table,...} runs in the order of time
-- @treturn table to be encoded as JSON
function M.of(runs)
  local events = {}
  for pid, run in ipairs(runs) do
    add_run(events, run, pid, run.started - runs[1].started)
  end
  return { displayTimeUnit = "ms", traceEvents = events }
end

return M
