--- The tree that `make test-install` has staged; only specs of tests/install
-- may require this.
local files = require "spec.support.files"

local stage = {}

local function told(name)
  return assert(os.getenv(name), name .. " is not set: make test-install")
end

stage.root = told "TANDEM_STAGE"
stage.source = told "TANDEM_SOURCE"
stage.rock = told "TANDEM_ROCK"
stage.command = told "TANDEM_COMMAND"

local places = {}
for name, folder in told("TANDEM_PLACES"):gmatch("(%u+)=(%S+)") do
  places[name] = folder
end
stage.lib, stage.pkgconfig = places.LIBDIR, places.PKGCONFIGDIR

--- The lines that a shell command prints.
-- @treturn {string,...} them
-- @treturn integer the exit code
function stage.lines(command)
  local pipe <close> = assert(io.popen(command))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  local _, _, code = pipe:close()
  return list, code
end

--- A path in the stage as a word for a shell.
function stage.word(path)
  return files.quote(stage.root .. path)
end

return stage
