--- The `tandem` command, run from a shell.
local files = require "spec.support.files"
local preload = require "spec.support.preload"

local command = {}

--- The folder in which the command's modules have their own, tandem_cli.
command.modules = package.searchpath("tandem_cli.main", package.path)
                         :match("^(.*)/tandem_cli/")

--- The command: the source's, or an installed one that TANDEM_COMMAND names.
command.path = os.getenv("TANDEM_COMMAND") or command.modules .. "/tandem"

--- What Lua runs to be the command, as a word for a shell.
command.file = files.quote(command.path)

--- Runs a shell line in which `tandem` is the command; a line that hangs is
-- ended and gives the code 124.
-- @return exit code, stdout, stderr
function command.shell(line)
  local dir = files.directory()
  local source = ("tandem() { %s %s \"$@\"; }\ncd %s\n%s\n"):format(
    preload.lua, command.file, files.quote(dir), line)
  local script = files.write(dir .. "/line.sh", source)
  local bounded = ("%s timeout 120 bash %s >%s/out 2>%s/err </dev/null")
                  :format(preload.without, script, dir, dir)
  local _, _, code = os.execute(bounded)
  return code, files.read(dir .. "/out"), files.read(dir .. "/err")
end

--- Runs `tandem ARGUMENTS` with a text as its input.
-- @return exit code, stdout, stderr
function command.tandem(arguments, input)
  return command.shell(("printf %%s %s | tandem %s")
                       :format(files.quote(input or ""), arguments))
end

return command
