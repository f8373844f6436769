--- Runs as figures, for other programs.
--
-- @module tandem_cli.lab.export
local cjson = require "cjson"

local figures = require "tandem_cli.lab.figures"

local M = {}

local FIELDS = { "queued", "began", "ended", "cpu", "worker", "bytes_in",
                 "bytes_out" }

-- A JSON list has no holes.
local function list_of(values, n)
  local list = {}
  for i = 1, n do
    local value = values and values[i]
    list[i] = value == nil and cjson.null or value
  end
  return n > 0 and list or cjson.empty_array
end

local function items_of(run)
  local items = { n = run.items.n }
  for _, field in ipairs(FIELDS) do
    items[field] = list_of(run.items[field], run.items.n)
  end
  return items
end

local function run_of(run)
  return {
    task = run.task, kind = run.kind, workers = run.workers, n = run.n,
    wall = run.wall, started = run.started, serial_each = run.serial_each,
    callbacks = run.callbacks, failed = run.failed, cancelled = run.cancelled,
    figures = figures.of(run), items = items_of(run),
  }
end

--- Makes the document.
-- @tparam {table,...} runs
-- @tparam table facts of the machine
-- @treturn table to be encoded as JSON
function M.of(runs, facts)
  local list = {}
  for i, run in ipairs(runs) do list[i] = run_of(run) end
  return { machine = facts, runs = list }
end

return M
