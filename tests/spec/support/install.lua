--- scripts/install/install.sh, as `make install` calls it, on the build or the
-- installed tree that these specs run on.
local files = require "spec.support.files"
local lfs = require "lfs"
local preload = require "spec.support.preload"

local install = {}

--- The source tree: TANDEM_SOURCE, or the current folder.
install.source = os.getenv("TANDEM_SOURCE") or lfs.currentdir()

--- Where things go below a prefix by default: the same as in the Makefile.
-- `more` says what goes elsewhere.
function install.places(prefix, more)
  local places = {
    PREFIX = prefix, LUADIR = prefix .. "/share/lua/5.4",
    LIBDIR = prefix .. "/lib/lua/5.4", BINDIR = prefix .. "/bin",
    DOCDIR = prefix .. "/share/doc/tandem", MANDIR = prefix .. "/share/man",
    INCLUDEDIR = prefix .. "/include", PKGCONFIGDIR = prefix
    .. "/lib/pkgconfig", DESTDIR = "", LUA = "lua5.4",
  }
  for name, folder in pairs(more or {}) do places[name] = folder end
  places.FINAL_LUADIR = places.FINAL_LUADIR or places.LUADIR
  places.FINAL_LIBDIR = places.FINAL_LIBDIR or places.LIBDIR
  return places
end

--- Does a job: "install", "uninstall" or "list". `before` is what the shell
-- does first.
-- @return exit code, stdout, stderr
function install.run(job, places, before)
  local core = assert(package.searchpath("tandem.core", package.cpath))
  local words = {
    before or "", preload.without, "SO=" .. files.quote(core),
    "WORKER=" .. files.quote(core:gsub("core%.so$", "tandem-worker")),
  }
  for name, folder in pairs(places) do
    words[#words + 1] = name .. "=" .. files.quote(folder)
  end
  words[#words + 1] = files.quote(install.source
                                  .. "/scripts/install/install.sh")
  local dir = files.directory()
  local _, _, code = os.execute(("%s %s >%s/out 2>%s/err")
    :format(table.concat(words, " "), job, dir, dir))
  return code, files.read(dir .. "/out"), files.read(dir .. "/err")
end

--- The files below a folder, sorted: their paths in it.
function install.files_below(folder)
  local pipe <close> = assert(io.popen(("cd %s && find . -type f | sort")
                                       :format(files.quote(folder))))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line:sub(2) end
  return list
end

return install
