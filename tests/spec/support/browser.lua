--- A page as a browser sees it: headless Chromium, where there is one.
local files = require "spec.support.files"
local preload = require "spec.support.preload"

local browser = {}

local NAMES = "chromium chromium-browser google-chrome"

-- No sandbox, since root has none; no requests of the browser's own.
local OPTIONS = "--headless --no-sandbox --disable-gpu --no-first-run "
  .. "--disable-background-networking --disable-component-update "
  .. "--disable-sync --disable-quic --enable-logging=stderr "

local function program()
  local pipe <close> = assert(io.popen(
    ("for name in %s; do command -v $name && break; done"):format(NAMES)))
  return pipe:read("l")
end

local function complaints_in(log)
  local list = {}
  for line in log:gmatch("[^\n]+") do
    if line:find("CONSOLE", 1, true) then list[#list + 1] = line end
  end
  return table.concat(list, "\n")
end

--- Opens a file.
-- @return what the browser made of it; without one, the text as it is
-- @return what the page wrote to the console: errors and warnings
function browser.open(path)
  local name = program()
  if not name then return files.read(path), "" end
  local dir = files.directory()
  local line = ("%s timeout 300 %s %s --user-data-dir=%s/profile --dump-dom "
    .. "file://%s >%s/dom 2>%s/log"):format(preload.without,
    files.quote(name), OPTIONS, dir, path, dir, dir)
  assert(os.execute(line))
  return files.read(dir .. "/dom"), complaints_in(files.read(dir .. "/log"))
end

return browser
