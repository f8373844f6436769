-- check-snippets.lua -- every Lua example in README.md and docs/ runs as shown.
--
--     eval "$(make -s env)" && lua5.4 scripts/dev/check-snippets.lua [FILE ...]
--
-- What is to be done with a ```lua block stands behind the word lua:
--
--     run          a whole program. It must end well and in time. Where its
--                  lines end in `--> text`, what it prints must have these
--                  texts as its lines, in this order; other lines may stand
--                  between them, and blanks count as one.
--     file=NAME    a module that later programs of the document may require
--     fragment     a part of a program: it must compile, no more
--     copy=PATH    the whole of that file of the project, word for word
--
-- A block without one of these fails, so that none is forgotten. Blocks of
-- other languages need none, but may be copies as well.

local LONGEST = 30 -- seconds a program may take
local lua = arg[-1] or "lua5.4"
local failures, programs = 0, 0

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  return text, pipe:close()
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

--- What a block is, if it is to be checked: "lua" and what stands behind it.
local function info_of(line)
  local language, info = line:match("^```(%w+)%s*(.-)%s*$")
  if language == "lua" or info and info:find("^copy=") then return info end
end

--- The blocks of a document that are checked: { line =, info =, code = }.
local function blocks_of(path)
  local blocks, block, number = {}, nil, 0
  for line in io.lines(path) do
    number = number + 1
    if block and line:find("^```") then
      block.code = table.concat(block, "\n") .. "\n"
      block = nil
    elseif block then
      block[#block + 1] = line
    elseif line:find("^```") then
      block = { line = number, info = info_of(line) }
      if block.info then blocks[#blocks + 1] = block end
    end
  end
  if block then error(path .. ": the last block has no end") end
  return blocks
end

local function plain(line)
  return (line:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

--- The first expected line that the output lacks, or nil.
local function first_missing(code, output)
  local next_line = output:gmatch("[^\n]+")
  for wanted in code:gmatch("%-%->%s*([^\n]+)") do
    local line
    repeat line = next_line() until not line or plain(line) == plain(wanted)
    if not line then return wanted end
  end
end

--- Runs a program; nil, or what is wrong with it.
local function run(block, folder)
  programs = programs + 1
  write(folder .. "/snippet.lua", block.code)
  local output, ok, _, status = output_of(
    ("cd %s && timeout -k 5 %d %s snippet.lua 2>&1 </dev/null"):format(
      quoted(folder), LONGEST, quoted(lua)))
  if not ok then
    return ("ended with status %d:\n%s"):format(status, output)
  end
  local missing = first_missing(block.code, output)
  return missing and ("did not print, in its place: %s\n%s"):format(missing,
    output)
end

local function compile(block)
  local chunk, message = load(block.code, "=fragment", "t")
  return not chunk and message or nil
end

local function compare(block, path)
  local file <close> = io.open(path, "rb")
  if not file then return "there is no file " .. path end
  if file:read("a") ~= block.code then return "differs from " .. path end
end

local function check(block, folder)
  local name = block.info:match("^file=([%w_]+%.lua)$")
  if name then
    write(folder .. "/" .. name, block.code)
    return compile(block)
  elseif block.info == "run" then
    return run(block, folder)
  elseif block.info == "fragment" then
    return compile(block)
  elseif block.info:find("^copy=") then
    return compare(block, block.info:match("^copy=(.*)$"))
  end
  return "say behind ```lua: run, file=NAME.lua, fragment or copy=PATH"
end

local function check_document(path)
  local folder = output_of("mktemp -d"):match("[^\n]+")
  for _, block in ipairs(blocks_of(path)) do
    local problem = check(block, folder)
    if problem then
      io.stderr:write(("%s:%d: %s\n"):format(path, block.line, problem))
      failures = failures + 1
    end
  end
  os.execute("rm -rf " .. quoted(folder))
end

local paths = { table.unpack(arg) }
if #paths == 0 then
  for path in output_of("ls README.md docs/*.md"):gmatch("[^\n]+") do
    paths[#paths + 1] = path
  end
end
for _, path in ipairs(paths) do check_document(path) end

if programs == 0 then
  io.stderr:write("snippets: there is no program to run\n")
  failures = failures + 1
end
print(("snippets: %d programs ran, %d failures"):format(programs, failures))
os.exit(failures == 0, true)
