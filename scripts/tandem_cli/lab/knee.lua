--- The knee of a sweep: where more workers stop to pay.
--
-- It is the smallest width that reaches nine tenths of the best throughput.
-- A tenth is what a quiet machine differs by from run to run; and a rule that
-- fits a sentence can be checked by eye.
--
-- @module tandem_cli.lab.knee
local M = {}

M.SHARE = 0.9

--- Finds it.
-- @tparam {table,...} points `{ workers, throughput }`, by width
-- @treturn integer its place in the list
-- @treturn boolean was it reached? False where the curve still rises at its
--   end, so that the knee lies beyond
function M.find(points)
  local best = 0
  for _, point in ipairs(points) do best = math.max(best, point.throughput) end
  for i, point in ipairs(points) do
    if point.throughput >= M.SHARE * best then
      return i, i < #points
    end
  end
end

return M
