--- The runs of a session that may be compared with one another.
--
-- @module tandem_cli.lab.series
local M = {}

-- Arguments are compared as they are written: one level, no deeper.
local function same_list(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" or #a ~= #b then return false end
  for i = 1, #a do
    if a[i] ~= b[i] then return false end
  end
  return true
end

--- Did both do the same work?
-- @tparam table a run
-- @tparam table b run
-- @treturn boolean
function M.alike(a, b)
  return a.task == b.task and a.n == b.n and same_list(a.args, b.args)
end

local ORDER = { serial = 1, thread = 2, one_lock = 3, process = 4 }

local function before(a, b)
  if a.kind ~= b.kind then
    return (ORDER[a.kind] or 5) < (ORDER[b.kind] or 5)
  end
  return a.workers < b.workers
end

--- The runs that did the same work as one of them, and all of it; of those
-- with equal kind and width the latest.
-- @tparam {table,...} runs in the order of time
-- @tparam table like a run
-- @treturn {table,...} by kind, then by width
function M.latest(runs, like)
  local seen, list = {}, {}
  for i = #runs, 1, -1 do
    local run = runs[i]
    local key = run.kind .. " " .. run.workers
    local whole = not run.interrupted or run == like
    if whole and not seen[key] and M.alike(run, like) then
      seen[key] = true
      list[#list + 1] = run
    end
  end
  table.sort(list, before)
  return list
end

--- Those of one kind.
-- @tparam {table,...} list
-- @tparam string kind
-- @treturn {table,...}
function M.of_kind(list, kind)
  local chosen = {}
  for _, run in ipairs(list) do
    if run.kind == kind then chosen[#chosen + 1] = run end
  end
  return chosen
end

return M
