-- check-man.lua -- the man page has the commands and options that the command
-- itself tells of, those of the prompt, and the environment: no more, no less.
--
--     lua5.4 scripts/dev/check-man.lua

local PAGE = "docs/tandem.1"

local failures = 0

local function fail(format, ...)
  io.stderr:write("man: ", format:format(...), "\n")
  failures = failures + 1
end

local function lines_of(command)
  local pipe <close> = assert(io.popen(command))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  return list
end

-- The sets must be equal.
local function compare(what, told, written)
  for name in pairs(told) do
    if not written[name] then
      fail("%s: %s is not in %s", what, name, PAGE)
    end
  end
  for name in pairs(written) do
    if not told[name] then fail("%s: there is no %s", what, name) end
  end
  if next(told) == nil then fail("%s: found nothing to compare", what) end
end

-- ---- what the command tells ----

-- "   -v, --version  Show ..." and "   --chunk N  How ..." give "-v",
-- "--version", "--chunk n"; "   map  Call ..." gives "map".
local function help_of(command)
  local options, commands, section = {}, {}, nil
  for _, line in ipairs(lines_of("tandem " .. command .. " --help")) do
    section = line:match("^(%u%l+):$") or line:find("^%S") and "" or section
    local entry = line:match("^   (%S.-)%f[%s\0]  ") or line:match("^   (%S+)$")
    if entry and section == "Options" then
      for option in entry:gmatch("[^,]+") do
        options[option:match("^%s*(.-)%s*$"):lower()] = true
      end
    elseif entry and section == "Commands" then
      commands[entry] = true
    end
  end
  return options, commands
end

-- ---- what the page tells ----

-- "Fl \-chunk Ar n" gives "--chunk n", "Fl h , Fl \-help" gives both.
local function add_options(set, words)
  for flag, rest in (words .. " "):gmatch("Fl (%S+)([^F]*)") do
    local argument = rest:match("Ar (%S+)")
    local option = "-" .. flag:gsub("\\%-", "-")
    set[argument and option .. " " .. argument or option] = true
  end
end

-- The list of commands is the outer one, so that of a command's options is
-- what stands between two of its items.
local function read_page()
  local page = { items = { [""] = {} }, synopsis = { [""] = {} },
                 prompt = {}, environment = {} }
  local section, command = nil, ""
  for line in io.lines(PAGE) do
    local title = line:match("^%.Sh (.*)")
    if title then section, command = title, "" end
    local named = section == "SYNOPSIS" and line:match("^%.Cm (%S+)")
      or section == "DESCRIPTION" and line:match("^%.It Cm (%S+)")
    if line == ".Nm" and section == "SYNOPSIS" then command = "" end
    if named then
      command = named
      local kind = section == "SYNOPSIS" and "synopsis" or "items"
      page[kind][command] = page[kind][command] or {}
    elseif section == "SYNOPSIS" and line:find("^%.Op ") then
      for part in line:gmatch("[^|]+") do
        add_options(page.synopsis[command], part)
      end
    elseif section == "DESCRIPTION" and line:find("^%.It Fl ") then
      add_options(page.items[command], line)
    elseif line:find("^%.It Ic :") then
      page.prompt[line:match(":(%S+)")] = true
    elseif line:find("^%.It Ev ") then
      for name in line:gmatch("[%u_]+%f[%s,\0]") do
        page.environment[name] = true
      end
    end
  end
  return page
end

-- ---- both ----

local function without_help(options)
  local set = {}
  for option in pairs(options) do
    if option ~= "-h" and option ~= "--help" then set[option] = true end
  end
  return set
end

local function check_options(page)
  local options, commands = help_of("")
  compare("tandem", options, page.items[""])
  compare("the synopsis", options, page.synopsis[""])
  local written, listed = {}, {}
  for name in pairs(page.items) do written[name] = name ~= "" or nil end
  for name in pairs(page.synopsis) do listed[name] = name ~= "" or nil end
  compare("the commands", commands, written)
  compare("the synopsis", commands, listed)
  for name in pairs(commands) do
    -- -h is described once, for all of them.
    local own = without_help(help_of(name))
    if next(own) or next(page.items[name] or {}) then
      compare("tandem " .. name, own, page.items[name] or {})
      compare("the synopsis of " .. name, own,
              without_help(page.synopsis[name] or {}))
    end
  end
end

local function check_prompt(page)
  local told = {}
  for _, name in ipairs(require("tandem_cli.commands").names()) do
    told[name] = true
  end
  compare("the prompt", told, page.prompt)
end

-- HOME is told of as the "~" of a file, and Lua itself reads the paths.
local function check_environment(page)
  local told = { LUA_PATH = true, LUA_CPATH = true }
  for _, line in ipairs(lines_of("cat bindings/tandem/*.lua "
    .. "$(find scripts/tandem_cli -name '*.lua')")) do
    for name in line:gmatch("getenv%(?%s*\"([%u_]+)\"") do
      if name ~= "HOME" then told[name] = true end
    end
  end
  compare("the environment", told, page.environment)
end

local page = read_page()
check_options(page)
check_prompt(page)
check_environment(page)
os.exit(failures == 0, true)
