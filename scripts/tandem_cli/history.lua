--- Where the history of the prompt is kept: TANDEM_HISTORY, or
-- ~/.tandem_history. Where that cannot be written there is none, silently.
--
-- @module tandem_cli.history
local M = {}

--- The file if it can be written at this moment.
-- @treturn string its path; "", which is readline's word for none
function M.file()
  local path = os.getenv("TANDEM_HISTORY")
  if not path then
    local home = os.getenv("HOME")
    path = home and home .. "/.tandem_history" or ""
  end
  if path == "" then return "" end
  local file = io.open(path, "a")
  if not file then return "" end
  file:close()
  return path
end

return M
