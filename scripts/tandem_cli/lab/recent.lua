--- What a session holds that a command can work on.
--
-- @module tandem_cli.lab.recent
local M = {}

--- What stands in the way of a new run.
-- @tparam table session
-- @treturn ?string
function M.obstacle(session)
  if not session.task then
    return "which task? `:tasks` lists them, `:task NAME` chooses one"
  end
end

--- The last run in which something ran.
-- @tparam table session
-- @treturn ?table
-- @treturn ?string why there is none
function M.last(session)
  local run = session.runs[#session.runs]
  if not run then return nil, "nothing has run yet: `:run N` does" end
  if not next(run.items.ended) then
    return nil, "no item of the last run was run"
  end
  return run
end

return M
