--- Order statistics of a few samples.

local quantile = require "tandem_cli.lab.quantile"

local stats = {}

--- The value below which the share `q` of the samples lies, interpolated.
function stats.quantile(samples, q)
  return (quantile.of(samples, q))
end

function stats.median(samples)
  return stats.quantile(samples, 0.5)
end

--- What the report shows of one contender's samples.
function stats.summary(samples)
  return {
    samples = samples,
    min = stats.quantile(samples, 0),
    q1 = stats.quantile(samples, 0.25),
    median = stats.median(samples),
    q3 = stats.quantile(samples, 0.75),
    max = stats.quantile(samples, 1),
  }
end

--- Half the distance from the least to the greatest sample, as a share of the
-- median; nil where the median is 0 and a share would say nothing.
function stats.spread(summary)
  if summary.median == 0 then return nil end
  return (summary.max - summary.min) / 2 / math.abs(summary.median)
end

return stats
