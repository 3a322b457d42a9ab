// Stand-in for Apple's SwiftUI (with the little of Combine that comes with it): declarations of just what ios/ uses, written
// by this project from the public documentation, so that the type checker can be run where there is no Apple SDK. See Security.swift.
// Views are built by a result builder as Apple's are; what a view looks like cannot be found out with it.
@_exported import Foundation
import UIKit

@MainActor public protocol View {
    associatedtype Body: View
    @ViewBuilder var body: Body { get }
}

extension Never: View { public var body: Never { fatalError() } }
public protocol Leaf: View where Body == Never {}
extension Leaf { public var body: Never { fatalError() } }

@resultBuilder public enum ViewBuilder {
    @MainActor public static func buildExpression<V: View>(_ view: V) -> V { view }
    @MainActor public static func buildBlock() -> EmptyView { EmptyView() }
    @MainActor public static func buildBlock<V: View>(_ view: V) -> V { view }
    @MainActor public static func buildBlock<each V: View>(_ view: repeat each V) -> TupleView<(repeat each V)> { TupleView() }
    @MainActor public static func buildIf<V: View>(_ view: V?) -> V? { view }
    @MainActor public static func buildEither<T: View, F: View>(first: T) -> Either<T, F> { Either() }
    @MainActor public static func buildEither<T: View, F: View>(second: F) -> Either<T, F> { Either() }
}

public struct EmptyView: Leaf { public init() {} }
public struct TupleView<T>: Leaf {}
public struct Either<T, F>: Leaf {}
extension Optional: View where Wrapped: View { public var body: Never { fatalError() } }

// -- state

@propertyWrapper public struct Binding<Value> {
    public var wrappedValue: Value { get { fatalError() } nonmutating set {} }
    public var projectedValue: Binding<Value> { self }
    @preconcurrency public init(get: @escaping @isolated(any) @Sendable () -> Value, set: @escaping @isolated(any) @Sendable (Value) -> Void) {}
    // Not Apple's: for State below.
    public init(nothing: Void) {}
}

@propertyWrapper public struct State<Value> {
    public init(wrappedValue: Value) {}
    public var wrappedValue: Value { get { fatalError() } nonmutating set {} }
    public var projectedValue: Binding<Value> { Binding(nothing: ()) }
}

public final class ObservableObjectPublisher: @unchecked Sendable { public func send() {} }
public protocol ObservableObject: AnyObject {}
extension ObservableObject { public var objectWillChange: ObservableObjectPublisher { fatalError() } }

@MainActor @propertyWrapper public struct ObservedObject<Object: ObservableObject> {
    public init(wrappedValue: Object) {}
    public var wrappedValue: Object { fatalError() }
}

@propertyWrapper public struct Environment<Value> {
    public init(_ path: KeyPath<EnvironmentValues, Value>) {}
    public var wrappedValue: Value { fatalError() }
}

public struct EnvironmentValues {
    public var scenePhase: ScenePhase { fatalError() }
    public var dynamicTypeSize: DynamicTypeSize { fatalError() }
}

public enum ScenePhase: Sendable { case background, inactive, active }
public enum DynamicTypeSize: Sendable { case large; public var isAccessibilitySize: Bool { false } }

// -- app

@MainActor public protocol Scene {}
@resultBuilder public enum SceneBuilder { @MainActor public static func buildBlock<S: Scene>(_ scene: S) -> S { scene } }
@MainActor public protocol App {
    associatedtype Body: Scene
    @SceneBuilder var body: Body { get }
    init()
}
extension App { public static func main() {} }
public struct WindowGroup<Content: View>: Scene { public init(@ViewBuilder content: () -> Content) {} }
@MainActor @propertyWrapper public struct UIApplicationDelegateAdaptor<D: NSObject & UIApplicationDelegate> {
    public init(_ type: D.Type) {}
    public var wrappedValue: D { fatalError() }
}

// -- views

public struct Text: Leaf {
    public init(_ text: LocalizedStringKey) {}
    @_disfavoredOverload public init<S: StringProtocol>(_ text: S) {}
    public init(verbatim: String) {}
}
public struct LocalizedStringKey: ExpressibleByStringInterpolation { public init(stringLiteral: String) {} }

public struct Button<L: View>: Leaf {
    @preconcurrency public init(action: @escaping @MainActor () -> Void, @ViewBuilder label: () -> L) {}
}
extension Button where L == Text {
    @_disfavoredOverload @preconcurrency public init<S: StringProtocol>(_ title: S, action: @escaping @MainActor () -> Void) {}
    @preconcurrency public init(_ title: LocalizedStringKey, action: @escaping @MainActor () -> Void) {}
}

public struct Toggle<L: View>: Leaf {}
extension Toggle where L == Text { public init(_ title: LocalizedStringKey, isOn: Binding<Bool>) {} }

public enum HorizontalAlignment: Sendable { case leading, center, trailing }
public enum VerticalAlignment: Sendable { case top, center, bottom, firstTextBaseline }
public enum TextAlignment: Sendable { case leading, center, trailing }
public struct Alignment: Sendable { public static let leading = Self(), center = Self(), topLeading = Self(), bottom = Self() }
public struct VStack<C: View>: Leaf {
    public init(alignment: HorizontalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> C) {}
}
public struct HStack<C: View>: Leaf {
    public init(alignment: VerticalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> C) {}
}
public struct ZStack<C: View>: Leaf { public init(@ViewBuilder content: () -> C) {} }
public struct Group<C: View>: Leaf { public init(@ViewBuilder content: () -> C) {} }
public struct ScrollView<C: View>: Leaf { public init(@ViewBuilder content: () -> C) {} }
public struct ForEach<D: RandomAccessCollection, I: Hashable, C: View>: Leaf {
    public init(_ data: D, id: KeyPath<D.Element, I>, @ViewBuilder content: @escaping (D.Element) -> C) {}
}
extension ForEach where D.Element: Identifiable, I == D.Element.ID {
    public init(_ data: D, @ViewBuilder content: @escaping (D.Element) -> C) {}
}
public struct Spacer: Leaf { public init(minLength: CGFloat? = nil) {} }
public struct Divider: Leaf { public init() {} }
public struct ProgressView: Leaf { public init() {}; public init(value: Double?) {} }
public struct Label: Leaf { public init(_ title: LocalizedStringKey, systemImage: String) {} }
public struct Image: Leaf { public init(systemName: String) {} }
public struct TextField: Leaf { public init(_ title: LocalizedStringKey, text: Binding<String>) {} }
public struct SecureField: Leaf { public init(_ title: LocalizedStringKey, text: Binding<String>) {} }
public struct Picker<S: Hashable, C: View>: Leaf {
    public init(_ title: LocalizedStringKey, selection: Binding<S>, @ViewBuilder content: () -> C) {}
}
public struct TabView<S: Hashable, C: View>: Leaf { public init(selection: Binding<S>?, @ViewBuilder content: () -> C) {} }

// -- looks

public protocol ShapeStyle: Sendable {}
extension Color: Leaf {}  // apart, as Apple's: its initialisers belong to no actor
public struct Color: ShapeStyle {
    public init(red: Double, green: Double, blue: Double) {}
    init() {}
    public static let black = Self()
}
extension ShapeStyle where Self == Color {
    public static var white: Color { fatalError() }
    public static var black: Color { fatalError() }
}
public struct Font: Sendable {
    public enum Weight: Sendable { case semibold, bold, heavy }
    public enum Design: Sendable { case monospaced }
    public enum TextStyle: Sendable { case largeTitle, title, title2, title3, headline, body, callout, footnote }
    public static let largeTitle = Self(), title = Self(), title2 = Self(), title3 = Self(), headline = Self(), body = Self()
    public static let callout = Self(), footnote = Self()
    public static func system(_ style: TextStyle, design: Design? = nil, weight: Weight? = nil) -> Font { Self() }
    public func bold() -> Font { self }
}
public protocol Shape: View, Sendable {}
public struct RoundedRectangle: Shape, Leaf { public init(cornerRadius: CGFloat) {} }
extension Shape { public func stroke<S: ShapeStyle>(_ style: S, lineWidth: CGFloat = 1) -> some View { EmptyView() } }
public protocol PrimitiveButtonStyle {}
public struct PlainButtonStyle: PrimitiveButtonStyle {}
extension PrimitiveButtonStyle where Self == PlainButtonStyle { public static var plain: PlainButtonStyle { PlainButtonStyle() } }
@MainActor public protocol ButtonStyle {
    associatedtype Body: View
    @ViewBuilder func makeBody(configuration: Configuration) -> Body
}
extension ButtonStyle { public typealias Configuration = ButtonStyleConfiguration }
public struct ButtonStyleConfiguration {
    @MainActor public var label: Text { fatalError() }
    public var isPressed: Bool { fatalError() }
}
public protocol PickerStyle {}
public struct MenuPickerStyle: PickerStyle {}
extension PickerStyle where Self == MenuPickerStyle { public static var menu: MenuPickerStyle { MenuPickerStyle() } }
public enum ColorScheme: Sendable { case light, dark }
public struct Animation: Sendable {}
public struct Transaction { public var animation: Animation? }
public enum VerticalEdge: Sendable { case top, bottom }
public enum Edge: Sendable {
    public struct Set: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }
        public static let horizontal = Self(rawValue: 1), vertical = Self(rawValue: 2), top = Self(rawValue: 4), bottom = Self(rawValue: 8)
    }
}
public struct TextInputAutocapitalization: Sendable { public static let characters = Self(), never = Self() }
public struct AccessibilityChildBehavior: Sendable { public static let ignore = Self(), combine = Self(), contain = Self() }
public struct AccessibilityTraits: Sendable { public static let isHeader = Self(), updatesFrequently = Self(), isButton = Self(), isSelected = Self() }
public struct NotificationPublisher {}
extension NotificationCenter {
    public func publisher(for name: Notification.Name, object: AnyObject? = nil) -> NotificationPublisher { fatalError() }
}

@MainActor public protocol ViewModifier {
    associatedtype Body: View
    @ViewBuilder func body(content: Content) -> Body
}
extension ViewModifier { public typealias Content = ModifiedView }
public struct ModifiedView: Leaf {}

extension View {
    public func modifier<M: ViewModifier>(_ modifier: M) -> some View { self }
    public func font(_ font: Font?) -> some View { self }
    public func foregroundStyle<S: ShapeStyle>(_ style: S) -> some View { self }
    public func tint(_ color: Color?) -> some View { self }
    public func padding(_ length: CGFloat) -> some View { self }
    public func padding(_ edges: Edge.Set, _ length: CGFloat? = nil) -> some View { self }
    public func padding() -> some View { self }
    public func frame(width: CGFloat? = nil, height: CGFloat? = nil) -> some View { self }
    public func frame(minWidth: CGFloat? = nil, maxWidth: CGFloat? = nil, minHeight: CGFloat? = nil, maxHeight: CGFloat? = nil, alignment: Alignment = .center)
        -> some View { self }
    public func background<S: ShapeStyle>(_ style: S) -> some View { self }
    public func background<S: ShapeStyle, H: Shape>(_ style: S, in shape: H) -> some View { self }
    public func overlay<V: View>(@ViewBuilder content: () -> V) -> some View { self }
    public func safeAreaInset<V: View>(edge: VerticalEdge, spacing: CGFloat? = nil, @ViewBuilder content: () -> V) -> some View { self }
    public func ignoresSafeArea() -> some View { self }
    public func opacity(_ opacity: Double) -> some View { self }
    public func lineLimit(_ lines: Int?) -> some View { self }
    public func minimumScaleFactor(_ factor: CGFloat) -> some View { self }
    public func multilineTextAlignment(_ alignment: TextAlignment) -> some View { self }
    public func fixedSize(horizontal: Bool, vertical: Bool) -> some View { self }
    public func disabled(_ disabled: Bool) -> some View { self }
    public func buttonStyle<S: PrimitiveButtonStyle>(_ style: S) -> some View { self }
    public func buttonStyle<S: ButtonStyle>(_ style: S) -> some View { self }
    public func pickerStyle<S: PickerStyle>(_ style: S) -> some View { self }
    public func preferredColorScheme(_ scheme: ColorScheme?) -> some View { self }
    public func transaction(_ change: @escaping (inout Transaction) -> Void) -> some View { self }
    public func tag<V: Hashable>(_ tag: V) -> some View { self }
    public func tabItem<V: View>(@ViewBuilder _ label: () -> V) -> some View { self }
    public func task(_ action: @escaping @MainActor @Sendable () async -> Void) -> some View { self }
    public func onReceive(_ publisher: NotificationPublisher, perform: @escaping (Notification) -> Void) -> some View { self }
    public func autocorrectionDisabled(_ disable: Bool = true) -> some View { self }
    public func textInputAutocapitalization(_ kind: TextInputAutocapitalization?) -> some View { self }
    public func keyboardType(_ type: UIKeyboardType) -> some View { self }
    public func textContentType(_ type: UITextContentType?) -> some View { self }
    public func accessibilityHidden(_ hidden: Bool) -> some View { self }
    public func accessibilityLabel(_ label: LocalizedStringKey) -> some View { self }
    @_disfavoredOverload public func accessibilityLabel<S: StringProtocol>(_ label: S) -> some View { self }
    public func accessibilityHint(_ hint: LocalizedStringKey) -> some View { self }
    public func accessibilityElement(children: AccessibilityChildBehavior) -> some View { self }
    public func accessibilityAddTraits(_ traits: AccessibilityTraits) -> some View { self }
    public func accessibilitySortPriority(_ priority: Double) -> some View { self }
}
