--- Order statistics of a list of numbers.
--
-- @module tandem_cli.lab.quantile
local M = {}

-- Between two samples the value is interpolated.
local function of_sorted(sorted, q)
  local at = 1 + (#sorted - 1) * q
  local low = math.floor(at)
  local high = math.min(low + 1, #sorted)
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low)
end

--- The values below which the given shares of the samples lie.
-- @tparam {number,...} samples at least one; stays as it is
-- @tparam number ... shares from 0 to 1
-- @treturn number for each share
function M.of(samples, ...)
  local sorted = table.move(samples, 1, #samples, 1, {})
  table.sort(sorted)
  local values = { ... }
  for i, q in ipairs(values) do values[i] = of_sorted(sorted, q) end
  return table.unpack(values)
end

--- What tables show of many times.
-- @tparam {number,...} samples
-- @treturn ?table `{ mean, p50, p90, p99, max }`; nil where there is no sample
function M.summary(samples)
  if #samples == 0 then return nil end
  local sum = 0
  for _, value in ipairs(samples) do sum = sum + value end
  local p50, p90, p99, max = M.of(samples, 0.5, 0.9, 0.99, 1)
  return { mean = sum / #samples, p50 = p50, p90 = p90, p99 = p99, max = max }
end

return M
