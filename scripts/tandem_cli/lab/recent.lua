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

--- The last run in which something ran to its end.
-- @tparam table session
-- @treturn ?table
-- @treturn ?string why there is none
function M.last(session)
  for i = #session.runs, 1, -1 do
    local run = session.runs[i]
    if next(run.items.ended) then return run end
  end
  return nil, session.runs[1] and "no task has ended yet: `:run N` again"
    or "nothing has run yet: `:run N` does"
end

return M
