--- The C module fixtures.low, built when it is not there.
--
-- Beside a build of tandem it is kept for the next time; else it goes with the
-- state that made it. Once this is required, hosts and workers find it on the
-- cpath that they have from here.
local files = require "spec.support.files"
local lfs = require "lfs"
local preload = require "spec.support.preload"
local processes = require "spec.support.processes"

local NAME = "/fixtures/low.so"

local HEADERS = { "/usr/include/lua5.4", "/usr/include/lua54",
                  "/usr/include/lua/5.4", "/usr/local/include/lua5.4" }

local source = assert(package.searchpath("fixtures.low",
  (package.path:gsub("%?%.lua", "?.c"))))

-- Where it is to be, and whether it stays there.
local function choose_folder()
  local core = assert(package.searchpath("tandem.core", package.cpath))
  local build = core:match("^(.*/build)/tandem/core%.so$")
    or core:match("^(.*/build/[^/]+)/tandem/core%.so$")
  if build then return build, true end
  local folder = os.tmpname()
  assert(os.remove(folder))
  assert(lfs.mkdir(folder))
  os.execute("chmod a+rx " .. folder)
  return folder, false
end

-- Another run may build it at the same time: it is whole, or not there.
local function build(path)
  local own = ("%s.%d"):format(path, processes.own_pid())
  local command = { preload.without, os.getenv("CC") or "cc",
                    "-std=c11 -D_GNU_SOURCE -O1 -shared -fPIC -pthread" }
  for _, header in ipairs(HEADERS) do
    command[#command + 1] = "-isystem " .. header
  end
  command[#command + 1] = ("-o %s %s"):format(files.quote(own),
                                               files.quote(source))
  assert(os.execute(table.concat(command, " ")), "cannot build " .. source)
  assert(os.execute("chmod a+rx " .. files.quote(own)))
  assert(os.rename(own, path))
end

local function is_current(path)
  local made = lfs.attributes(path, "modification")
  return made and made >= lfs.attributes(source, "modification")
end

local folder, stays = choose_folder()
-- Held by the module, and so by the state.
local owner = not stays and setmetatable({}, {
  __gc = function() os.execute("rm -rf " .. files.quote(folder)) end,
})
lfs.mkdir(folder .. "/fixtures")
if not is_current(folder .. NAME) then build(folder .. NAME) end
package.cpath = folder .. "/?.so;" .. package.cpath

local low = require "fixtures.low"
low.owner = owner

return low
