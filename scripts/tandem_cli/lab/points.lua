--- The points of a sweep's curve.
--
-- @module tandem_cli.lab.points
local figures = require "tandem_cli.lab.figures"

local M = {}

--- Makes them.
-- @tparam {table,...} runs of one kind, by width
-- @treturn {table,...} `{ workers, throughput, run, figures }`
function M.of(runs)
  local points = {}
  for i, run in ipairs(runs) do
    local found = figures.of(run)
    points[i] = { workers = run.workers, throughput = found.throughput,
                  run = run, figures = found }
  end
  return points
end

return M
