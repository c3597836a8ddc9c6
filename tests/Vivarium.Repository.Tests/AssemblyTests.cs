using System.Reflection;
using System.Runtime.CompilerServices;

namespace Vivarium.Repository.Tests;

/// <summary>Rules that hold in every compiled package.</summary>
public sealed class AssemblyTests
{
    private const BindingFlags StaticFields = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    public static TheoryData<string> Names => [.. Repository.Packages.Select(project => project.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Statics_never_change(string name) =>
        Assert.Empty(
            Types(name).SelectMany(type => type.GetFields(StaticFields))
                .Where(field => !field.IsInitOnly && !field.IsLiteral)
                .Select(field => $"{field.DeclaringType}.{field.Name}"));

    [Theory]
    [MemberData(nameof(Names))]
    public void Nothing_stays_behind_on_a_thread(string name) =>
        Assert.Empty(
            Types(name).SelectMany(type => type.GetFields(StaticFields | BindingFlags.Instance))
                .Where(field => field.IsDefined(typeof(ThreadStaticAttribute)) || IsGeneric(field.FieldType, typeof(ThreadLocal<>)) || IsGeneric(field.FieldType, typeof(AsyncLocal<>)))
                .Select(field => $"{field.DeclaringType}.{field.Name}"));

    [Theory]
    [MemberData(nameof(Names))]
    public void Public_classes_are_sealed_static_or_made_to_be_derived_from(string name) =>
        Assert.Empty(Types(name).Where(type => type is { IsClass: true, IsVisible: true, IsSealed: false, IsAbstract: false }).Select(type => type.FullName));

    private static IEnumerable<Type> Types(string name) =>
        Assembly.Load(name).GetTypes().Where(type => !IsGenerated(type));

    private static bool IsGenerated(Type? type) => type is not null && (type.IsDefined(typeof(CompilerGeneratedAttribute)) || IsGenerated(type.DeclaringType));

    private static bool IsGeneric(Type type, Type definition) => type.IsGenericType && type.GetGenericTypeDefinition() == definition;
}
