--- Recorded runs whose figures are known, and a session to show them in.
local runs = {}

local FIELDS = { "queued", "began", "ended", "cpu", "worker", "bytes_in",
                 "bytes_out" }

--- A run from a list of `{ worker, began, ended, cpu, queued }`; other values
-- go into the run as they are.
function runs.of(spans, values)
  local items, last = { n = #spans }, 0
  for _, field in ipairs(FIELDS) do items[field] = {} end
  for i, span in ipairs(spans) do
    items.worker[i], items.began[i], items.ended[i] = span[1], span[2], span[3]
    items.cpu[i], items.queued[i] = span[4], span[5] or 0
    items.bytes_in[i], items.bytes_out[i] = 10, 5
    last = math.max(last, span[3] or 0)
  end
  local run = {
    task = "m:f", kind = "thread", workers = 1, n = #spans, wall = last,
    started = 100, callbacks = 0, failed = 0, cancelled = 0, items = items,
  }
  for name, value in pairs(values or {}) do run[name] = value end
  return run
end

--- Items of equal length, in rounds: each takes `run` seconds and computes for
-- `cpu` of them, on workers that are busy all the time.
function runs.even(shape)
  local spans = {}
  for i = 1, shape.n do
    local round = (i - 1) // shape.workers
    spans[i] = { (i - 1) % shape.workers + 1, round * shape.run,
                 (round + 1) * shape.run, shape.cpu }
  end
  return runs.of(spans, {
    workers = shape.workers, kind = shape.kind, task = shape.task,
    serial_each = shape.serial_each,
  })
end

--- A session that keeps what is written in `session.said()`.
function runs.session(values)
  local parts = {}
  local session = {
    pool_kind = "thread", workers = 2, runs = {}, width = 80, colour = false,
    write = function(text) parts[#parts + 1] = text end,
    said = function() return table.concat(parts) end,
  }
  for name, value in pairs(values or {}) do session[name] = value end
  return session
end

--- The longest line of a text, in characters.
function runs.widest(text)
  local widest = 0
  for line in text:gmatch("[^\n]*") do
    widest = math.max(widest, assert(utf8.len(line)))
  end
  return widest
end

return runs
