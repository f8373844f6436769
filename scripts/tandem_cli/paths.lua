--- Where the modules of tandem are, seen from the folder tandem_cli.
--
-- In the source tree that is scripts/tandem_cli, with the library in
-- bindings/ and build/; installed it is LUADIR/tandem_cli, and tandem_cli.place
-- tells where the C part is.
--
-- @module tandem_cli.paths
local M = {}

local function exists(path)
  local file = io.open(path)
  return file ~= nil and file:close()
end

-- A build that LUA_CPATH names, one with a sanitizer for example, goes before
-- the plain one.
local function build_path(root)
  local named = package.searchpath("tandem.core", package.cpath)
  if named and named:find("/build/", 1, true) then return package.cpath end
  return root .. "/build/?.so;" .. package.cpath
end

local function in_source_tree(root)
  return {
    path = table.concat({
      root .. "/bindings/?.lua", root .. "/bindings/?/init.lua",
      root .. "/scripts/?.lua", package.path,
    }, ";"),
    cpath = build_path(root),
  }
end

-- "a/b/../c" as "a/c". Where b is a symbolic link that may be another place,
-- so the caller looks whether the file is there.
local function shortened(path)
  local parts = {}
  for part in path:gmatch("[^/]+") do
    local last = parts[#parts]
    if part == ".." and last and last ~= ".." and last ~= "." then
      parts[#parts] = nil
    elseif part ~= "." or #parts == 0 and path:sub(1, 1) ~= "/" then
      parts[#parts + 1] = part
    end
  end
  return (path:sub(1, 1) == "/" and "/" or "") .. table.concat(parts, "/")
end

-- Paths are read by people, in error messages: the shorter the better.
local function plain(path, file)
  local short = shortened(path)
  return exists(short .. file) and short or path
end

-- The folder that holds tasks/ goes last: it holds other files, with names
-- as plain as "map", which must not hide anybody's modules.
local function installed(share)
  local place = dofile(share .. "/tandem_cli/place.lua")
  local lib = plain(share .. "/" .. place, "/tandem/core.so")
  return {
    path = table.concat({
      share .. "/?.lua", share .. "/?/init.lua", package.path,
      share .. "/tandem_cli/?.lua",
    }, ";"),
    cpath = lib .. "/?.so;" .. package.cpath,
  }
end

--- Puts the library, the command's modules, and the tasks on Lua's paths.
-- @tparam string cli the folder tandem_cli
function M.set_up(cli)
  local top = cli:match("^(.*)/[^/]*$") or "."
  local library = "/bindings/tandem/init.lua"
  local source = exists(top .. "/.." .. library)
  local paths
  if source then
    paths = in_source_tree(plain(top .. "/..", library))
  else
    paths = installed(plain(top, "/tandem_cli/main.lua"))
  end
  package.path, package.cpath = paths.path, paths.cpath
end

return M
