--- The items of a run that a worker ran, one table each.
--
-- A recorded run holds arrays side by side, which are small. What analyses it
-- wants the items that ran: one that was cancelled before has no begin.
--
-- @module tandem_cli.lab.spans
local M = {}

local function span(items, i)
  local began, ended = items.began[i], items.ended[i]
  if not (began and ended) then return nil end
  return {
    index = i, worker = items.worker[i] or 0,
    queued = math.min(items.queued[i] or began, began),
    began = began, ended = ended, run = ended - began,
    -- The clocks of CPU and of time differ: no task computes for longer
    -- than it runs.
    cpu = math.min(items.cpu[i] or 0, ended - began),
  }
end

--- The spans of a run in the order of the items.
-- @tparam table run
-- @treturn {table,...} `{ index, worker, queued, began, ended, run, cpu }`
function M.of(run)
  local list = {}
  for i = 1, run.items.n do
    list[#list + 1] = span(run.items, i)
  end
  return list
end

--- The same by worker, each list in the order of time.
-- @tparam {table,...} spans
-- @treturn table worker -> list
-- @treturn {integer,...} the workers' numbers, in order
function M.by_worker(spans)
  local lists, workers = {}, {}
  for _, each in ipairs(spans) do
    local list = lists[each.worker]
    if not list then
      list = {}
      lists[each.worker] = list
      workers[#workers + 1] = each.worker
    end
    list[#list + 1] = each
  end
  for _, list in pairs(lists) do
    table.sort(list, function(a, b) return a.began < b.began end)
  end
  table.sort(workers)
  return lists, workers
end

--- The sum of one field.
-- @tparam {table,...} spans
-- @tparam string field
-- @treturn number
function M.sum(spans, field)
  local sum = 0
  for _, each in ipairs(spans) do sum = sum + each[field] end
  return sum
end

return M
