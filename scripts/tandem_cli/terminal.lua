--- What a stream is connected to.
--
-- Asks lua-term, and where that is not installed the shell.
--
-- @module tandem_cli.terminal
local M = {}

local DESCRIPTORS = { stdin = 0, stdout = 1, stderr = 2 }

--- Says whether one of the standard streams is a terminal.
-- @tparam string name "stdin", "stdout" or "stderr"
-- @treturn boolean
function M.is_terminal(name)
  local loaded, term = pcall(require, "term")
  if loaded then return term.isatty(io[name]) end
  return os.execute("test -t " .. DESCRIPTORS[name]) == true
end

return M
