--- Temporary directories and what is in them; all gone after the test.
local lfs = require "lfs"

local files = {}

local made = {}

function files.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- A new empty directory, removed by `files.remove_all`.
function files.directory()
  local path = os.tmpname()
  assert(os.remove(path))
  assert(lfs.mkdir(path))
  made[#made + 1] = path
  return path
end

function files.write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
  return path
end

--- The whole text of a file, "" where there is none.
function files.read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read("a") or ""
end

--- The lines of a file, in a list.
function files.lines(path)
  local list = {}
  for line in files.read(path):gmatch("[^\n]+") do list[#list + 1] = line end
  return list
end

--- Remove the directories made since there were `mark` of them.
function files.remove_all(mark)
  for i = #made, (mark or 0) + 1, -1 do
    os.execute("rm -rf " .. files.quote(made[i]))
    made[i] = nil
  end
end

--- How many directories there are now: see `files.remove_all`.
function files.mark()
  return #made
end

--- How many entries a directory has.
function files.count(path)
  local n = 0
  for name in lfs.dir(path) do
    if name ~= "." and name ~= ".." then n = n + 1 end
  end
  return n
end

return files
