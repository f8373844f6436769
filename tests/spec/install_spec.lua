--- Installing: whatever the places are, the command finds what it needs.
local command = require "spec.support.command"
local files = require "spec.support.files"
local install = require "spec.support.install"
local preload = require "spec.support.preload"

local function run(job, places)
  local code, out, err = install.run(job, places)
  assert.same({ 0, "" }, { code, err })
  return out
end

-- The command in a folder runs a task on a thread and in a process, with no
-- path to anything of ours.
local function assert_runs(bin, lua)
  local path = files.quote(bin .. "/tandem")
  for _, workers in ipairs { "--threads 1", "--processes 1" } do
    local code, out, err = command.shell(
      ("unset LUA_PATH LUA_CPATH; echo 7 | %s %s map %s tasks.primes:is_prime")
      :format(lua or preload.lua, path, workers))
    assert.same({ 0, "true\n", "" }, { code, out, err })
  end
end

-- Where the command in a folder has the module named from.
local function place_of(module, bin)
  local searched = module == "tandem.core" and "cpath" or "path"
  local code, out = command.shell(
    ("unset LUA_PATH LUA_CPATH; echo '%s' | %s %s run -"):format(
      ("print(package.searchpath(\"%s\", package.%s))")
      :format(module, searched),
      preload.lua, files.quote(bin .. "/tandem")))
  assert.equal(0, code)
  return (out:gsub("\n$", ""))
end

describe("an installed command", function()
  after_each(function() files.remove_all() end)

  local cases = {
    ["a prefix of its own"] = { "/own", {} },
    ["a prefix with a blank in its name"] = { "/my own", {} },
    ["a distribution's folder for the machine's kind"] = { "/usr", {
      LIBDIR = "/usr/lib/riscv64-linux-gnu/lua/5.4",
    } },
    ["folders that have nothing in common"] = { "", {
      LUADIR = "/a/modules", LIBDIR = "/b/c/d", BINDIR = "/tools",
    } },
  }

  for name, case in pairs(cases) do
    it("runs from " .. name, function()
      local root = files.directory()
      local more = {}
      for variable, folder in pairs(case[2]) do
        more[variable] = root .. folder
      end
      local places = install.places(root .. case[1], more)
      run("install", places)
      assert_runs(places.BINDIR)
      assert.equal(places.LIBDIR .. "/tandem/core.so",
                   place_of("tandem.core", places.BINDIR))
      assert.equal(places.LUADIR .. "/tandem/init.lua",
                   place_of("tandem", places.BINDIR))
    end)

    it("runs staged below DESTDIR from " .. name, function()
      local stage = files.directory() .. "/the stage"
      local places = install.places(case[1], case[2])
      places.DESTDIR = stage
      run("install", places)
      assert_runs(stage .. places.BINDIR)
      assert.equal(stage .. places.LIBDIR .. "/tandem/core.so",
                   place_of("tandem.core", stage .. places.BINDIR))
    end)
  end

  it("runs when the whole tree has moved, and through a link", function()
    local root = files.directory()
    run("install", install.places(root .. "/before"))
    assert(os.rename(root .. "/before", root .. "/after"))
    assert_runs(root .. "/after/bin")
    assert(os.execute(("mkdir %s/links && ln -s ../after/bin/tandem %s/links")
                      :format(root, root)))
    -- It asks a program where a link leads.
    assert_runs(root .. "/links", preload.lua_alone)
  end)

  it("has the Lua in its first line that it was installed for", function()
    for lua, line in pairs {
      ["lua5.4"] = "#!/usr/bin/env lua5.4",
      ["/opt/bin/lua"] = "#!/opt/bin/lua",
    } do
      local root = files.directory()
      run("install", install.places(root, { LUA = lua }))
      assert.equal(line, files.lines(root .. "/bin/tandem")[1])
    end
  end)
end)

describe("what is installed", function()
  after_each(function() files.remove_all() end)

  it("is what the list says", function()
    local root = files.directory()
    local places = install.places("/usr", { DESTDIR = root })
    run("install", places)
    local listed = {}
    for path in run("list", places):gmatch("[^\n]+") do listed[path] = true end
    local found = {}
    for _, path in ipairs(install.files_below(root)) do found[path] = true end
    assert.same(listed, found)
  end)

  it("can be read by all, whatever the umask", function()
    local root = files.directory()
    local places = install.places(root .. "/deep/down")
    assert.equal(0, (install.run("install", places, "umask 077;")))
    local pipe <close> = assert(io.popen(
      ("find %s/deep ! -perm -a+r -o -type d ! -perm -a+x"):format(root)))
    assert.equal("", pipe:read("a"))
  end)

  it("goes when it is uninstalled, and nothing else does", function()
    local root = files.directory()
    local places = install.places(root)
    run("install", places)
    local others = { places.LUADIR .. "/other.lua",
                     places.LUADIR .. "/tandem_cli/tasks/mine.lua",
                     places.BINDIR .. "/other" }
    for _, path in ipairs(others) do files.write(path, "mine") end
    run("uninstall", places)
    local left = {}
    for _, path in ipairs(install.files_below(root)) do
      left[#left + 1] = root .. path
    end
    table.sort(others)
    assert.same(others, left)
    run("uninstall", places)
  end)

  it("leaves no folder of its own behind", function()
    local root = files.directory()
    local places = install.places(root)
    run("install", places)
    run("uninstall", places)
    local pipe <close> = assert(io.popen(("find %s -name 'tandem*'")
                                         :format(root .. "/.")))
    assert.equal("", pipe:read("a"))
  end)

  it("is refused a place that is relative", function()
    local code, _, err = install.run("install", install.places("out"))
    assert.equal(2, code)
    assert.matches("'out' is not a path from the root on", err, 1, true)
    assert.is_nil(require("lfs").attributes(install.source .. "/out"))
  end)
end)
