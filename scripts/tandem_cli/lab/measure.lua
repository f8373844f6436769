--- New runs for the commands that compare.
--
-- @module tandem_cli.lab.measure
local failure = require "tandem_cli.failure"
local record = require "tandem_cli.lab.record"
local units = require "tandem_cli.lab.units"

local M = {}

-- Seconds that a worker is held while the others start.
local NAP = 0.002

-- Workers start as tasks come and find none idle. Their start is no part of
-- what is compared.
local function warm_up(pool, workers)
  local naps = {}
  for i = 1, workers do
    naps[i] = pool:submit("tandem:sleep", NAP + workers * 1e-4)
  end
  for _, nap in ipairs(naps) do nap:result() end
end

-- Whoever recorded the run may have kept it already.
local function keep(session, run)
  local runs = session.runs
  if runs[#runs] ~= run then runs[#runs + 1] = run end
end

local function complaint(run)
  return ("%d of %d failed on %s; the first: %s"):format(run.failed, run.n,
    units.workers(run.kind, run.workers),
    failure.text((run.failure:error(0))))
end

--- What a person has to know of runs in which something failed.
-- @tparam {table,...} runs
-- @treturn ?string of the first of them
function M.complaint(runs)
  for _, run in ipairs(runs) do
    if run.failed > 0 then return complaint(run) end
  end
end

--- Runs the session's task on a pool made for it.
-- @tparam table session
-- @tparam string kind
-- @tparam integer workers
-- @treturn table the run, which is the session's last as well
-- @raise a message where all of it failed, which leaves nothing to compare
function M.run(session, kind, workers)
  local pool <close> = session.make_pool(kind, workers)
  if kind ~= "serial" then warm_up(pool, workers) end
  local run = record.run(session, { pool = pool, quiet = true })
  keep(session, run)
  if run.failed == run.n then error(complaint(run), 0) end
  return run
end

return M
