--- What `luarocks make` installs is what `make install` does.
local files = require "spec.support.files"
local install = require "spec.support.install"
local stage = require "spec.support.stage"
local tandem = require "tandem"

local version = tandem._VERSION:match("%S+$") .. "-1"
local own = "/lib/luarocks/rocks-5.4/tandem/" .. version

-- Into a rock's own folder goes what LuaRocks has no place for.
local PLACES = {
  { "/usr/bin", own .. "/bin" },
  { "/usr/include", own .. "/include" },
  { "/usr/share/man", own .. "/man" },
  { "/usr/share/doc/tandem", own .. "/doc" },
  { "/usr/share/lua/5.4", "/share/lua/5.4" },
  { stage.pkgconfig, own .. "/pkgconfig" },
  { stage.lib, "/lib/lua/5.4" },
}

local function place_in_rock(path)
  for _, pair in ipairs(PLACES) do
    if path:sub(1, #pair[1] + 1) == pair[1] .. "/" then
      return pair[2] .. path:sub(#pair[1] + 1)
    end
  end
  error("no place for " .. path)
end

-- These have their own places written in them.
local DIFFERENT = {
  ["/usr/bin/tandem"] = true, [stage.pkgconfig .. "/tandem.pc"] = true,
  ["/usr/share/lua/5.4/tandem_cli/place.lua"] = true,
}

-- LuaRocks' own: its records, and a script that starts the command.
local LUAROCKS = {
  ["/bin/tandem"] = true, ["/lib/luarocks/rocks-5.4/manifest"] = true,
  [own .. "/rock_manifest"] = true,
  [own .. "/tandem-" .. version .. ".rockspec"] = true,
}

local rock = files.quote(stage.rock)

describe("the rock", function()
  it("has the same files", function()
    local expected, found = {}, {}
    for _, path in ipairs(install.files_below(stage.root)) do
      expected[place_in_rock(path)] = true
    end
    for _, path in ipairs(install.files_below(stage.rock)) do
      if not LUAROCKS[path] then found[path] = true end
    end
    assert.same(expected, found)
  end)

  it("has the same in them", function()
    for _, path in ipairs(install.files_below(stage.root)) do
      local text = files.read(stage.root .. path)
      assert.is_true(#text > 0, path)
      if not DIFFERENT[path] then
        assert.is_true(text == files.read(stage.rock .. place_in_rock(path)),
                       path)
      end
    end
  end)

  it("has a command that runs, on threads and in processes", function()
    for _, workers in ipairs { "--threads 1", "--processes 1" } do
      local out = stage.lines(("unset LUA_PATH LUA_CPATH; cd /; echo 7 | "
        .. "%s/bin/tandem map %s tasks.primes:is_prime 2>&1")
        :format(rock, workers))
      assert.same({ "true" }, out)
    end
  end)

  it("has a command that takes its C module from the rock", function()
    local out = stage.lines(("unset LUA_PATH LUA_CPATH; cd /; echo '%s' | "
      .. "%s/bin/tandem run - 2>&1"):format(
        'print(package.searchpath("tandem.core", package.cpath))', rock))
    assert.same({ stage.rock .. "/lib/lua/5.4/tandem/core.so" }, out)
  end)

  it("is there for scripts, by what `luarocks path` says", function()
    local out = stage.lines(([[
      cd / && unset LUA_PATH LUA_CPATH
      eval "$(luarocks --lua-version 5.4 path --tree %s)"
      lua=$(head -n 1 %s | sed 's/^#!//; s/.*env //')
      $lua -e 'local tandem = require "tandem"
               local pool <close> = tandem.process_pool(1)
               print(pool:call("math:abs", -7))
               print(package.searchpath("tandem.core", package.cpath))' 2>&1
    ]]):format(rock, files.quote(stage.rock .. own .. "/bin/tandem")))
    assert.same({ "7", stage.rock .. "/lib/lua/5.4/tandem/core.so" }, out)
  end)

  it("has a file for pkg-config that tells where it is", function()
    local out = stage.lines(
      ("PKG_CONFIG_PATH=%s pkg-config --variable=worker tandem")
      :format(files.quote(stage.rock .. own .. "/pkgconfig")))
    assert.same({ stage.rock .. "/lib/lua/5.4/tandem/tandem-worker" },
                stage.lines("realpath " .. files.quote(out[1])))
  end)

  it("has a description that LuaRocks finds no fault with", function()
    local out, code = stage.lines(("HOME=/nonexistent luarocks lint "
      .. "%s/tandem-*.rockspec 2>&1"):format(files.quote(stage.source)))
    assert.equal(0, code, table.concat(out, "\n"))
  end)
end)
