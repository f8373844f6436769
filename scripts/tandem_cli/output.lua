--- What became of the output, told when a command ends.
--
-- @module tandem_cli.output
local core = require "tandem.core"

local M = {}

-- A statement at the prompt may have put another file in its place.
local stdout = io.stdout

--- Writes what is still to be written, and tells on stderr where any of the
-- output is lost; the reader of a closed pipe has what he wanted.
-- @tparam integer status the exit status so far
-- @treturn integer 1 where output is lost, else the status
function M.finish(status)
  if io.type(stdout) ~= "file" then return status end
  local ok, message = stdout:flush()
  if not core.has_lost_output() then return status end
  io.stderr:write("tandem: stdout: ",
                  ok and "some of the output is lost" or message, "\n")
  return 1
end

return M
